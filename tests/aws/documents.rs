//! What is served, collected and read live is one and the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use peerscope_aws::Call;
use peerscope_document::AwsCollection;
use peerscope_document::aws::{AttributeBooleanValue, AwsDocuments, Vpc, VpcAttribute};
use peerscope_document::heroku::HerokuDocuments;
use peerscope_document::id::Region;
use peerscope_laboratory::world::{Base, Style, Vary, World};
use serde_json::{Map, Value, json};

use crate::folder::files;
use crate::stub::{
    ACCOUNT, REGION, Room, SECRET, Said, endpoint, manifest, peerscope, python, rich, root, run,
};

/// How many random worlds are served.
const WORLDS: u64 = 12;

/// The documents of a snapshot, by the names of their folders: `111122223333_us-east-1`.
pub(crate) fn collected(target: &Path) -> BTreeMap<String, AwsDocuments> {
    let mut folders: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for (name, text) in files(target) {
        let Some((folder, _)) = name.strip_prefix("aws/").and_then(|name| name.split_once('/')) else {
            continue;
        };
        let Value::Object(kinds) = serde_json::from_str(&text).unwrap() else { panic!("{name}: {text}") };
        assert_eq!(kinds.len(), 1, "one kind a file: {name}");
        folders.entry(folder.to_string()).or_default().extend(kinds);
    }
    let typed = |kinds| serde_json::from_value(Value::Object(kinds)).expect("documents");
    folders.into_iter().map(|(folder, kinds)| (folder, typed(kinds))).collect()
}

/// Served documents as they must come back. Absent and empty are one. Not read are `SecurityGroupRules`, since
/// `SecurityGroups` say the same; `Cidrs` of prefix lists, which are the managed lists' `Entries`; entries of lists
/// that nothing refers to; and target groups that no load balancer leads to. AWS's tools write `+00:00` where peerscope writes `Z`.
fn expected(served: &AwsDocuments) -> AwsDocuments {
    let text = serde_json::to_string(served).unwrap();
    let mut documents = AwsDocuments { security_group_rules: None, ..served.clone() };
    for list in documents.prefix_lists.iter_mut().flatten() {
        let entries = list.entries.clone().unwrap_or_default();
        let is_referred_to = text.matches(&format!("\"{}\"", list.prefix_list_id)).count() > 1;
        (list.cidrs, list.entries) = (None, is_referred_to.then_some(entries));
    }
    for peering in documents.vpc_peering_connections.iter_mut().flatten() {
        peering.expiration_time = peering.expiration_time.take().map(|time| time.replace("+00:00", "Z"));
    }
    let instances =
        documents.reservations.iter_mut().flatten().flat_map(|reservation| &mut reservation.instances);
    let of_instances = instances.flat_map(|instance| &mut instance.network_interfaces);
    for interface in documents.network_interfaces.iter_mut().flatten().chain(of_instances) {
        interface.description.take_if(|description| description.is_empty());
    }
    if let (Some(groups), Some(health)) = (&mut documents.target_groups, &mut documents.target_group_health) {
        groups.retain(|group| !group.load_balancer_arns.is_empty());
        health.retain(|one| {
            groups.iter().any(|group| one.target_group_arn.as_ref() == Some(&group.target_group_arn))
        });
    }
    // What the stub says of a VPC that it was told no attribute of is AWS's default.
    let value = |value| Some(AttributeBooleanValue { value: Some(value) });
    let default = |vpc: &Vpc| VpcAttribute {
        vpc_id: vpc.vpc_id.clone(),
        enable_dns_support: value(true),
        enable_dns_hostnames: value(false),
    };
    let vpcs = documents.vpcs.as_ref().filter(|vpcs| !vpcs.is_empty());
    let defaults = vpcs.map(|vpcs| vpcs.iter().map(default).collect());
    documents.vpc_attributes = documents.vpc_attributes.or(defaults);
    documents
}

/// Fails at the first document that differs, and says which.
#[track_caller]
pub(crate) fn assert_same(found: &AwsDocuments, expected: &AwsDocuments) {
    let kinds = |documents: &AwsDocuments| match serde_json::to_value(documents).unwrap() {
        Value::Object(kinds) => kinds,
        other => panic!("{other}"),
    };
    let (found, expected) = (kinds(found), kinds(expected));
    // A kind that was not served is one that there is none of.
    let is_none = |list: &Value| list.as_array().is_some_and(Vec::is_empty);
    assert!(found.iter().all(|(kind, list)| expected.contains_key(kind) || is_none(list)), "{found:?}");
    for (kind, expected) in &expected {
        let found = found.get(kind).unwrap_or_else(|| panic!("{kind} was not read"));
        let (found, expected) = (found.as_array().unwrap(), expected.as_array().unwrap());
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found, expected, "{kind}");
        }
        assert_eq!(found.len(), expected.len(), "{kind}");
    }
}

/// A document without members that hold nothing: AWS sends an empty list where there is none.
fn without_empty(document: &Value) -> Value {
    match document {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), without_empty(value)));
            Value::Object(members.filter(|(_, value)| *value != json!([]) && *value != json!("")).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(without_empty).collect()),
        other => other.clone(),
    }
}

/// The stub is told a VPC's attributes with the VPC, and a target group's health with the group; each is asked by itself.
fn rich_documents() -> AwsDocuments {
    let mut documents = rich();
    let part = |kind: &str, id: &str, members: &[&str]| -> Value {
        let each = documents[kind].as_array().unwrap().iter().map(|one| {
            let members = members
                .iter()
                .chain([&id])
                .filter_map(|name| Some((name.to_string(), one.get(name)?.clone())));
            Value::Object(members.collect())
        });
        each.collect()
    };
    let attributes = part("Vpcs", "VpcId", &["EnableDnsSupport", "EnableDnsHostnames"]);
    let health = part("TargetGroups", "TargetGroupArn", &["TargetHealthDescriptions"]);
    (documents["VpcAttributes"], documents["TargetGroupHealth"]) = (attributes, health);
    serde_json::from_value(documents).expect("rich.json has documents")
}

/// The stub is held against a client that is not ours, so that a mistake of it is not taken for peerscope's.
#[test]
fn the_stub_serves_what_it_was_given() {
    let room = Room::rich();
    room.faults(&json!([{"page_size": 1}]));
    let served = rich();
    let kinds = served.as_object().unwrap().keys();
    let output = Command::new(python())
        .arg(root().join("tests/aws/read_back.py"))
        .args([&endpoint(), &room.key(ACCOUNT), REGION])
        .args(kinds)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let read: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    for (kind, served) in served.as_object().unwrap() {
        assert_eq!(without_empty(&read[kind]), without_empty(served), "{kind}");
    }
}

#[test]
fn a_collection_holds_everything_that_was_served() {
    let (room, folder) = (Room::rich(), tempfile::tempdir().unwrap());
    let target = folder.path().join("snapshot");
    let said = run(&mut room.collect(&target)).good();
    assert!(
        said.error
            .contains("reads account 111122223333 in us-east-1 as arn:aws:iam::111122223333:user/reads"),
        "{}",
        said.error
    );
    let collected = collected(&target);
    assert_eq!(collected.keys().collect::<Vec<_>>(), ["111122223333_us-east-1"]);
    assert_same(&collected["111122223333_us-east-1"], &expected(&rich_documents()));
    let manifest = manifest(&target);
    assert_eq!(manifest.gaps, []);
    assert_eq!(manifest.accounts.iter().map(ToString::to_string).collect::<Vec<_>>(), [ACCOUNT]);
    assert_eq!(manifest.regions, [Region::from(REGION)]);
    for asked in room.asked() {
        assert_eq!(asked.method, "POST", "{asked:?}");
        let reads = ["Describe", "Get"].iter().any(|verb| asked.action.starts_with(verb));
        assert!(reads, "{asked:?}");
    }
}

/// A page holds one thing, and before each comes an empty one, as AWS may send: every list must be read to its end.
#[test]
fn every_list_is_read_to_its_last_page() {
    let (room, folder) = (Room::rich(), tempfile::tempdir().unwrap());
    room.faults(&json!([{"page_size": 1, "empty_pages": true}]));
    let target = folder.path().join("snapshot");
    run(&mut room.collect(&target)).good();
    assert_same(&collected(&target)["111122223333_us-east-1"], &expected(&rich_documents()));
    let calls = manifest(&target).calls;
    let asked = room.asked();
    for call in Call::ALL {
        let requests = asked.iter().filter(|asked| asked.action == call.operation());
        let (first, more): (Vec<_>, Vec<_>) = requests.partition(|asked| {
            !["NextToken", "Marker"].iter().any(|token| asked.parameters.contains_key(*token))
        });
        let told = calls.iter().find(|told| told.call.starts_with(&format!("{call},")));
        let Some(told) = told else { continue };
        assert_eq!(
            (told.result.as_str(), told.requests as usize),
            ("ok", first.len() + more.len()),
            "{call}"
        );
        // The calls that have no pages (EC2 and ELB API references).
        let is_whole = matches!(
            call,
            Call::DescribeVpnGateways | Call::DescribeVpcAttribute | Call::DescribeTargetHealth
        );
        assert_eq!(more.is_empty(), is_whole, "{call}: {first:?} {more:?}");
    }
    assert!(calls.len() > 15, "{calls:?}");
}

/// The rules say the same of what is read now as of what was written.
#[test]
fn rules_are_checked_live_as_from_files() {
    let (room, folder) = (Room::rich(), tempfile::tempdir().unwrap());
    let target = folder.path().join("snapshot");
    run(room.peerscope().args(["collect", "-o"]).arg(&target)).good();
    let check = |mut command: Command, from: &[&str]| {
        let said = run(command.args(["check", "--format", "json"]).args(from));
        let mut report = said.json();
        assert!(report["results"].as_array().is_some_and(|results| results.len() > 10), "{report}");
        (report["at"], report["snapshot"], report["elapsed_seconds"]) =
            (Value::Null, Value::Null, Value::Null);
        (said.status, serde_json::to_string_pretty(&report).unwrap())
    };
    let from_files = check(peerscope("http://127.0.0.1:9"), &["--snapshot", target.to_str().unwrap()]);
    assert_eq!(check(room.peerscope(), &["--live"]), from_files);
}

/// Random worlds of two accounts and several Regions: what is collected is what was served, and the analysis of what
/// was written is that of what is read now, to the byte.
#[test]
fn worlds_are_collected_and_analysed_as_they_were_served() {
    for number in 0..WORLDS {
        let base = [Base::VpcToVpc, Base::DynoToVpc, Base::VpcToVpc, Base::VpcToDyno][(number % 4) as usize];
        let extra = if base == Base::VpcToVpc && number % 3 == 0 {
            &[Vary::Ipv6, Vary::References][..]
        } else {
            &[Vary::Temptations]
        };
        let vary: Vec<Vary> = Vary::ALL.iter().chain(extra).copied().collect();
        let mut world = World::generate(base, &vary, number);
        let mut lot = fastrand::Rng::with_seed(number);
        let changes: Vec<u64> = (0..lot.u64(0..8)).map(|_| lot.u64(..)).collect();
        world.scramble(&changes);
        is_collected_and_analysed(number, &mut world);
    }
}

fn is_collected_and_analysed(number: u64, world: &mut World) {
    let (room, folder) = (Room::empty(), tempfile::tempdir().unwrap());
    let (mut profiles, mut accounts) = (String::new(), Vec::new());
    let mut aws = std::mem::take(&mut world.snapshot.aws);
    aws.iter_mut().for_each(|collection| leave_out_what_instances_do_not_tell(&mut collection.documents));
    for (index, collection) in aws.iter().enumerate() {
        // Each is asked as somebody else, since two may be of one owner and Region, and one of none.
        let account = format!("{:012}", 900_000_000_000 + index);
        let region = collection.region.as_ref().unwrap();
        room.serve_collection(&account, collection);
        let key = room.key(&account);
        profiles.push_str(&format!(
            "[profile p{index}]\nregion = {region}\naws_access_key_id = {key}\naws_secret_access_key = {SECRET}\n",
        ));
        accounts.extend(["--aws-profile".to_string(), format!("p{index}")]);
    }
    let configuration = folder.path().join("config");
    std::fs::write(&configuration, profiles).unwrap();
    let command = || {
        let mut command = peerscope(&endpoint());
        command.env("AWS_CONFIG_FILE", &configuration);
        command
    };
    let target = folder.path().join("snapshot");
    // Both providers are asked, as by --live: that there is no token of Heroku's is the same gap in both.
    let said = run(command().arg("collect").args(&accounts).arg("-o").arg(&target)).good();
    let gaps = manifest(&target).gaps;
    assert!(gaps.iter().all(|gap| gap.provider == "heroku"), "world {number}: {gaps:?}");
    let collected: Vec<AwsDocuments> = collected(&target).into_values().collect();
    assert_eq!(collected.len(), aws.len(), "world {number}: {}", said.error);
    for AwsCollection { documents, .. } in &aws {
        let expected = expected(documents);
        let same = collected.iter().find(|one| one.vpcs == expected.vpcs);
        assert_same(
            same.unwrap_or_else(|| panic!("world {number}: no such VPCs: {:?}", expected.vpcs)),
            &expected,
        );
    }

    // Heroku's side is the same files for both, with no age of their own to be weighed against the collection's.
    world.snapshot.manifest = None;
    let heroku = folder.path().join("heroku");
    world.write(&heroku, Style::of_seed(number)).unwrap();
    let analyse = |mut command: Command| {
        command
            .args(["analyze", "--format", "json", "--to", &world.target_url()])
            .args(["--from", &world.source_address().to_string()]);
        if world.snapshot.heroku != HerokuDocuments::default() {
            command.arg("--snapshot").arg(&heroku);
        }
        command
    };
    // Credentials that are seen and not used are a gap of their own, so from files there are none.
    let from_files = run(analyse(peerscope("http://127.0.0.1:9")).arg("--snapshot").arg(&target));
    let live = run(analyse(command()).arg("--live").args(&accounts));
    assert_eq!(from_files.status, live.status, "world {number}: {}{}", from_files.error, live.error);
    let (from_files, live) = (lasting(&from_files), lasting(&live));
    for (from_files, live) in from_files.lines().zip(live.lines()) {
        assert_eq!(from_files, live, "world {number}");
    }
    assert_eq!(from_files, live, "world {number}");
}

/// The laboratory's instances tell as much of their interfaces as the interfaces do; AWS's have less.
fn leave_out_what_instances_do_not_tell(documents: &mut AwsDocuments) {
    let instances =
        documents.reservations.iter_mut().flatten().flat_map(|reservation| &mut reservation.instances);
    for interface in instances.flat_map(|instance| &mut instance.network_interfaces) {
        (interface.availability_zone, interface.tag_set) = (None, Vec::new());
        if let Some(attachment) = &mut interface.attachment {
            attachment.instance_id = None;
        }
    }
}

/// A report to the byte, but for when it was made, of what, and how long that took.
fn lasting(said: &Said) -> String {
    let mut report = said.json();
    assert!(report["causes"].is_array(), "{report}");
    for changing in ["at", "snapshot", "elapsed_seconds"] {
        report[changing] = Value::Null;
    }
    serde_json::to_string_pretty(&report).unwrap()
}
