//! As whom AWS is asked: profiles, roles, several accounts and Regions, and what is said where nobody can be.

use std::fs;
use std::path::Path;
use std::process::Command;

use peerscope_aws::Call;
use peerscope_document::id::Region;
use serde_json::{Value, json};

use crate::documents::collected;
use crate::folder::files;
use crate::stub::{
    ACCOUNT, EXTERNAL_ID, REGION, Room, SECRET, Said, collect, endpoint, manifest, peerscope, rich, run,
    shows_no_secret,
};

/// Another account, with a VPC of its own.
const OTHER: &str = "444455556666";
/// Another Region.
const FAR: &str = "eu-west-1";

/// One VPC of an account.
fn vpc(id: &str, owner: &str) -> Value {
    json!({"Vpcs": [{"VpcId": id, "CidrBlock": "10.7.0.0/16", "OwnerId": owner, "IsDefault": false}]})
}

/// The one line that a command said beside what it reads.
fn line(said: &Said) -> &str {
    let mut lines = said.error.lines().filter(|line| !line.contains("peerscope: reads "));
    let line = lines.next().unwrap_or_else(|| panic!("nothing was said: {said:?}"));
    assert_eq!(lines.next(), None, "{}", said.error);
    line
}

fn regions(target: &Path) -> Vec<Region> {
    manifest(target).regions
}

#[test]
fn credentials_that_are_not_taken_are_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (json!([{"error": "expired"}]), "the credentials have expired: log in again"),
        // They may end in the middle: between who it is and what it has.
        (
            json!([{"action": "GetCallerIdentity"}, {"error": "expired"}]),
            "the credentials have expired: log in again",
        ),
        (json!([{"error": "invalid-key"}]), "AWS does not take the credentials (InvalidClientTokenId: "),
        (
            json!([{"action": "GetCallerIdentity"}, {"error": "invalid-key"}]),
            "AWS does not take the credentials (AuthFailure: ",
        ),
    ];
    for (rules, expected) in cases {
        let room = Room::rich();
        room.faults(&rules);
        let target = folder.path().join("snapshot");
        let said = run(&mut room.collect(&target));
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{}", said.error);
        assert!(line(&said).contains(expected), "{rules}: {}", said.error);
        assert!(!target.exists());
        // They are not tried on, neither by repetition nor by every call.
        assert!(room.asked().len() < 30, "{}", room.asked().len());
    }
}

#[test]
fn no_credentials_are_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("snapshot");
    let said = run(collect(peerscope(&endpoint()), &target).env("AWS_REGION", REGION));
    assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{}", said.error);
    let line = line(&said);
    assert!(line.contains("no credentials of AWS were found: expected AWS_ACCESS_KEY_ID"), "{line}");
    // A profile that does not exist, and a Region that nothing names, are their own lines.
    let room = Room::rich();
    let said = run(room.collect(&target).args(["--aws-profile", "nobody"]).env_remove("AWS_REGION"));
    assert_eq!(said.status, Some(2), "{}", said.error);
    assert!(self::line(&said).contains("nobody"), "{}", said.error);
    let said = run(room.collect(&target).env_remove("AWS_REGION"));
    assert_eq!(said.status, Some(2), "{}", said.error);
    assert!(
        self::line(&said).contains("no Region is known: expected --region, AWS_REGION, or a profile"),
        "{}",
        said.error
    );
    assert!(!target.exists());
}

#[test]
fn a_profile_has_its_own_credentials_and_region() {
    let (room, folder) = (Room::rich(), tempfile::tempdir().unwrap());
    room.serve(OTHER, FAR, &vpc("vpc-0far", OTHER));
    let (configuration, credentials) = (folder.path().join("config"), folder.path().join("credentials"));
    fs::write(&configuration, format!("[default]\nregion = {REGION}\n[profile far]\nregion = {FAR}\n"))
        .unwrap();
    let pair = |profile: &str, account: &str| {
        let key = room.key(account);
        format!("[{profile}]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET}\n")
    };
    fs::write(&credentials, pair("default", ACCOUNT) + &pair("far", OTHER)).unwrap();
    let command = |name: &str| {
        let mut command = collect(peerscope(&endpoint()), &folder.path().join(name));
        command.env("AWS_CONFIG_FILE", &configuration).env("AWS_SHARED_CREDENTIALS_FILE", &credentials);
        command
    };
    run(&mut command("default")).good();
    assert_eq!(regions(&folder.path().join("default")), [Region::from(REGION)]);
    for (name, by) in [
        ("flag", command("flag").args(["--aws-profile", "far"])),
        ("variable", command("variable").env("AWS_PROFILE", "far")),
    ] {
        let said = run(by).good();
        assert!(
            said.error
                .contains("reads account 444455556666 in eu-west-1 as arn:aws:iam::444455556666:user/reads"),
            "{}",
            said.error
        );
        assert_eq!(
            collected(&folder.path().join(name)).into_keys().collect::<Vec<_>>(),
            ["444455556666_eu-west-1"]
        );
    }
    // Both, and each in the Regions that are named.
    let said = run(command("both").args([
        "--aws-profile",
        "default",
        "--aws-profile",
        "far",
        "--region",
        REGION,
        "--region",
        FAR,
    ]))
    .good();
    let both = folder.path().join("both");
    let folders = collected(&both);
    assert_eq!(folders["111122223333_us-east-1"].vpcs.as_ref().unwrap().len(), 2, "{}", said.error);
    assert_eq!(folders["444455556666_eu-west-1"].vpcs.as_ref().unwrap().len(), 1, "{}", said.error);
    assert_eq!(manifest(&both).accounts.len(), 2);
    for account in [ACCOUNT, OTHER] {
        for region in [REGION, FAR] {
            let asked = room.asked();
            let is_asked = asked.iter().any(|one| {
                one.region == region
                    && one.key == room.key(account)
                    && one.action == Call::DescribeVpcs.operation()
            });
            assert!(is_asked, "{account} {region}");
        }
    }
    // Of one that fails there is a gap, and the other is read.
    room.faults(&json!([{"key": room.key(OTHER), "error": "expired"}]));
    run(command("one").args(["--aws-profile", "default", "--aws-profile", "far"])).good();
    let one = manifest(&folder.path().join("one"));
    let [gap] = &one.gaps[..] else { panic!("{one:?}") };
    assert_eq!(gap.kind, "permission");
    assert!(gap.what.contains("the profile far") && gap.reason.contains("have expired"), "{gap:?}");
}

#[test]
fn roles_are_assumed_with_their_external_ids() {
    let (room, folder) = (Room::rich(), tempfile::tempdir().unwrap());
    room.serve(OTHER, REGION, &vpc("vpc-0other", OTHER));
    let (own, other) =
        (format!("arn:aws:iam::{ACCOUNT}:role/reads"), format!("arn:aws:iam::{OTHER}:role/reads"));
    room.faults_and_roles(&json!([]), &json!({&own: null, &other: EXTERNAL_ID}));
    let with_id = format!("{other},{EXTERNAL_ID}");
    let target = folder.path().join("snapshot");
    let said = run(room.collect(&target).args(["--assume-role", &own, "--assume-role", &with_id])).good();
    for account in [ACCOUNT, OTHER] {
        let expected = format!(
            "reads account {account} in us-east-1 as arn:aws:sts::{account}:assumed-role/reads/peerscope"
        );
        assert!(said.error.contains(&expected), "{}", said.error);
    }
    assert_eq!(
        collected(&target).into_keys().collect::<Vec<_>>(),
        ["111122223333_us-east-1", "444455556666_us-east-1"]
    );
    let asked = room.asked();
    let assumed = asked.iter().filter(|one| one.action == "AssumeRole");
    let ids: Vec<&Value> = assumed.filter_map(|one| one.parameters.get("ExternalId")).collect();
    assert_eq!(ids, [EXTERNAL_ID], "each role is assumed once");
    // What is written holds no secret, and what reads are of are the role's credentials.
    for (name, text) in files(&target) {
        assert!(!text.contains(&room.key(ACCOUNT)), "{name}");
        shows_no_secret(&text);
    }
    let described = asked.iter().filter(|one| one.service == "ec2");
    assert!(described.clone().all(|one| one.key.starts_with("ASIA")), "{:?}", described.collect::<Vec<_>>());

    // Without its external id a role is refused, and that is said of it.
    let said = run(room.collect(&folder.path().join("refused")).args(["--assume-role", &other]));
    assert_eq!(said.status, Some(2), "{}", said.error);
    let line = line(&said);
    assert!(line.contains(&other) && line.contains("is not authorized to perform: sts:AssumeRole"), "{line}");
    // Wrong roles are wrong usage, and nobody is asked.
    let before = room.asked().len();
    let said = run(room.collect(&folder.path().join("refused")).args(["--assume-role", "reads"]));
    assert_eq!(said.status, Some(2));
    assert!(said.error.contains("expected arn:aws:iam::ACCOUNT:role/NAME"), "{}", said.error);
    assert_eq!(room.asked().len(), before);
}

/// A peering of the account leads to another of its Regions, which is read too.
#[test]
fn a_peering_leads_to_another_region_of_the_account() {
    let (room, folder) = (Room::empty(), tempfile::tempdir().unwrap());
    let side = |vpc: &str, region: &str| json!({"VpcId": vpc, "OwnerId": ACCOUNT, "Region": region, "CidrBlock": "10.7.0.0/16"});
    let peering = json!({"VpcPeeringConnectionId": "pcx-0ab", "Status": {"Code": "active"},
        "RequesterVpcInfo": side("vpc-0near", REGION), "AccepterVpcInfo": side("vpc-0far", FAR)});
    for (id, region) in [("vpc-0near", REGION), ("vpc-0far", FAR)] {
        let mut documents = vpc(id, ACCOUNT);
        documents["VpcPeeringConnections"] = json!([peering]);
        documents["Vpcs"]
            .as_array_mut()
            .unwrap()
            .extend(vpc("vpc-0beside", ACCOUNT)["Vpcs"].as_array().unwrap().clone());
        room.serve(ACCOUNT, region, &documents);
    }
    let target = folder.path().join("snapshot");
    run(room.collect(&target).args(["--vpc", "vpc-0near"])).good();
    let folders = collected(&target);
    let vpcs = |folder: &str| {
        folders[folder].vpcs.iter().flatten().map(|vpc| vpc.vpc_id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        (vpcs("111122223333_us-east-1"), vpcs("111122223333_eu-west-1")),
        (vec!["vpc-0near".to_string()], vec!["vpc-0far".to_string()])
    );
    // Who is not joined is not asked about.
    for asked in room.asked().iter().filter(|asked| asked.action == "DescribeSubnets") {
        let asked = Value::Object(asked.parameters.clone()).to_string();
        assert!(asked.contains("vpc-0near") && !asked.contains("vpc-0beside"), "{asked}");
    }
    // A VPC that is nowhere is said to be.
    let said = run(room.collect(&folder.path().join("nowhere")).args(["--vpc", "vpc-0nowhere"]));
    assert_eq!(said.status, Some(2), "{}", said.error);
    assert!(
        line(&said).contains("vpc-0nowhere is in none of: account 111122223333 in us-east-1"),
        "{}",
        said.error
    );
}

/// No key, token or external id is in what is said or written, however much is logged.
#[test]
fn no_secret_is_logged_or_written() {
    let (room, folder) = (Room::rich(), tempfile::tempdir().unwrap());
    let role = format!("arn:aws:iam::{ACCOUNT}:role/reads");
    room.faults_and_roles(
        &json!([{"action": "DescribeSubnets", "error": "denied"}]),
        &json!({&role: EXTERNAL_ID}),
    );
    let token = "session-token-not-to-be-shown";
    let traced = |command: &mut Command| -> Said {
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1").env("AWS_SESSION_TOKEN", token);
        let said = run(command);
        let debug = format!("{said:?}");
        for secret in [token, &room.key(ACCOUNT)] {
            assert!(!debug.contains(secret), "{secret}: {debug}");
        }
        said
    };
    let role = format!("{role},{EXTERNAL_ID}");
    for redact in [false, true] {
        let target = folder.path().join(format!("snapshot-{redact}"));
        let mut command = room.collect(&target);
        command.args(["--assume-role", &role, "--format", "json"]);
        if redact {
            command.arg("--redact");
        }
        traced(&mut command).good();
        for (name, text) in files(&target) {
            shows_no_secret(&text);
            assert!(!text.contains(token) && !text.contains(&room.key(ACCOUNT)), "{name}: {text}");
        }
    }
    let evidence = folder.path().join("evidence.json");
    let why = |room: &Room, evidence: &Path| {
        let mut command = room.peerscope();
        command
            .args([
                "why",
                "tcp://127.0.0.1:9",
                "--live",
                "--deadline",
                "5",
                "--format",
                "json",
                "--assume-role",
                &role,
                "--save",
            ])
            .arg(evidence);
        command
    };
    let said = traced(&mut why(&room, &evidence));
    assert!(said.status.is_some_and(|status| status < 4), "{said:?}");
    let saved = fs::read_to_string(&evidence).unwrap();
    shows_no_secret(&saved);
    assert!(!saved.contains(token) && !saved.contains(&room.key(ACCOUNT)) && saved.contains("vpc-0a1"));
    // A failure shows none either: neither a wrong external id nor a key that AWS does not know.
    let wrong = format!("{},{EXTERNAL_ID}-wrong", role.split(',').next().unwrap());
    let said = traced(room.collect(&folder.path().join("wrong")).args(["--assume-role", &wrong]));
    assert_eq!(said.status, Some(2));
    room.faults(&json!([{"error": "invalid-key"}]));
    assert_eq!(traced(&mut room.collect(&folder.path().join("wrong"))).status, Some(2));
}

/// What is printed of the account's documents is the account's own: the rich documents have names of every form.
#[test]
fn words_that_nobody_knows_are_kept() {
    let (room, folder) = (Room::empty(), tempfile::tempdir().unwrap());
    let mut documents = rich();
    documents["VpcPeeringConnections"][1]["Status"]["Code"] = "suspended-by-moonlight".into();
    documents["RouteTables"][0]["Routes"][3]["State"] = "eclipsed".into();
    documents["RouteTables"][0]["Routes"][3]["Origin"] = "Divined".into();
    documents["NetworkInterfaces"][0]["InterfaceType"] = "quantum".into();
    documents["NatGateways"][0]["State"] = "napping".into();
    documents["VpcEndpoints"][0]["VpcEndpointType"] = "Wormhole".into();
    documents["TransitGatewayAttachments"][1]["ResourceType"] = "starlink".into();
    documents["Reservations"][0]["Instances"][1]["State"]["Name"] = "dreaming".into();
    room.serve(ACCOUNT, REGION, &documents);
    let target = folder.path().join("snapshot");
    run(&mut room.collect(&target)).good();
    let written: String = files(&target).into_iter().map(|(_, text)| text).collect();
    for word in [
        "suspended-by-moonlight",
        "eclipsed",
        "Divined",
        "quantum",
        "napping",
        "Wormhole",
        "starlink",
        "dreaming",
    ] {
        assert!(written.contains(&format!("\"{word}\"")), "{word}");
    }
    let mut command = peerscope(&endpoint());
    command.args(["check", "--format", "json", "--snapshot"]).arg(&target);
    assert!(run(&mut command).json()["results"].is_array());
}
