//! The same answers, and nothing of what was to be hidden.

mod services;

use std::path::Path;

use peerscope_analysis::report::Diagnosis;
use peerscope_document::CollectionGap;
use peerscope_laboratory::world::{Base, Vary, World};

use super::*;
use crate::collect::{SnapshotWriter, write_snapshot};
use crate::command::analyze::diagnosis_for_test;
use crate::snapshot::{self, Loaded};

/// What an answer comes to: verdict, causes by code and component, findings by rule.
fn essence(diagnosis: &Diagnosis) -> String {
    let causes: Vec<String> = diagnosis
        .causes
        .iter()
        .map(|cause| {
            format!(
                "{} {:?} {:?} {:?} {:?}",
                cause.code.name(),
                cause.component.component_type,
                cause.component.id,
                cause.direction,
                cause.status
            )
        })
        .collect();
    let findings: Vec<&str> = diagnosis.findings.iter().map(|finding| finding.rule.as_str()).collect();
    format!("{:?} {causes:#?} {findings:?}", diagnosis.verdict)
}

fn ask(snapshot: &Snapshot, from: &str, target: &str) -> Option<String> {
    let loaded = Loaded { snapshot: snapshot.clone(), notes: Vec::new() };
    diagnosis_for_test(&loaded, from, target).as_ref().map(essence)
}

/// Texts of somebody's, accounts and public addresses in a snapshot.
fn secrets(value: &Value, holder: &str, field: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                secrets(member, field, name, into);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| secrets(element, holder, field, into)),
        Value::String(text) if !text.is_empty() && !is_mask(text) => {
            let is_named = !matches!(kind(holder, field), Kind::Kept | Kind::Words | Kind::TagKey);
            let is_id = kind(holder, field) == Kind::Arn && aws_name::of_arn(text).is_none();
            if is_named && !is_id && as_address(text).is_none() && !is_well_known(field, text) {
                into.insert(text.clone());
            }
        }
        _ => {}
    }
}

/// Every text of a document, by itself.
fn texts(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|member| texts(member, into)),
        Value::Array(elements) => elements.iter().for_each(|element| texts(element, into)),
        Value::String(text) => _ = into.insert(text.clone()),
        _ => {}
    }
}

fn written(folder: &Path) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                texts(&serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(), &mut all);
            }
        }
    }
    all
}

/// In the laboratory's worlds, healthy and scrambled, the redacted snapshot is analysed to the same verdict, causes and
/// components, from its files too; and no text of them is one of the original's.
#[test]
fn a_redacted_world_has_the_same_answers_and_none_of_the_names() {
    let vary: Vec<Vary> = Vary::ALL.into_iter().chain([Vary::Temptations]).collect();
    let with_ipv6: Vec<Vary> = vary.iter().copied().chain([Vary::Ipv6]).collect();
    let (mut verdicts, mut hidden) = (BTreeSet::new(), 0);
    for seed in 0..60_u64 {
        let (base, vary) = match seed % 4 {
            0 => (Base::DynoToVpc, &vary),
            1 => (Base::VpcToDyno, &vary),
            2 => (Base::VpcToVpc, &vary),
            _ => (Base::VpcToVpc, &with_ipv6),
        };
        let mut world = World::generate(base, vary, seed);
        let changes: Vec<u64> = (0..seed % 7).map(|change| seed * 31 + change).collect();
        world.scramble(&changes);
        let (source, target) = (world.source_address(), world.target_address());
        let (redacted, redaction) = redact(&world.snapshot, fastrand::Rng::with_seed(seed)).unwrap();
        let moved = |address: IpAddr| redaction.address(address);
        let from = moved(source).to_string();
        let to = std::net::SocketAddr::new(moved(target.ip()), target.port());
        let before = ask(&world.snapshot, &source.to_string(), &format!("tcp://{target}"));
        let after = ask(&redacted, &from, &format!("tcp://{to}"));
        assert!(before.is_some());
        assert_eq!(after, before, "world {seed}");

        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("snapshot");
        let mut writer = SnapshotWriter::begin(&folder).unwrap();
        write_snapshot(&redacted, &mut writer).unwrap();
        let manifest = redacted.manifest.clone().unwrap_or_else(|| Manifest {
            schema: "peerscope/snapshot/1".to_string(),
            at: "2026-11-22T10:00:00Z".to_string(),
            ..Manifest::default()
        });
        writer.finish(manifest).unwrap();
        let loaded = snapshot::load(std::slice::from_ref(&folder)).unwrap();
        assert_eq!(loaded.notes, [], "world {seed}");
        let from_files = ask(&loaded.snapshot, &from, &format!("tcp://{to}"));
        assert_eq!(from_files, before, "world {seed}, from its files");

        let original =
            serde_json::to_value(Snapshot { manifest: None, sources: vec![], ..world.snapshot.clone() });
        let original = original.unwrap();
        let mut theirs = BTreeSet::new();
        secrets(&original, "", "", &mut theirs);
        let mut found = Found::default();
        found.look(&original, "", "");
        let now = written(&folder);
        for secret in theirs.iter().chain(&found.accounts) {
            assert!(!now.contains(secret), "world {seed}: {secret}");
        }
        // Nor within another text: of ids alone digits may be the same by chance.
        let is_id =
            |text: &str| text.split_once('-').is_some_and(|(kind, _)| kind.len() <= 8 && !kind.contains(' '));
        let within =
            |text: &String| !is_id(text) && found.accounts.iter().any(|account| text.contains(account));
        assert!(!now.iter().any(within), "world {seed}");
        for block in &found.blocks {
            let changed = redaction.addresses.block(*block);
            if changed != *block {
                hidden += 1;
                let shown = [block.to_string(), block.addr().to_string()];
                assert!(!shown.iter().any(|text| now.contains(text)), "world {seed}: {block}");
            }
        }
        verdicts.insert(before.unwrap_or_default().split(' ').next().unwrap_or_default().to_string());
    }
    assert!(verdicts.len() >= 2 && hidden > 0, "the worlds tell too little: {verdicts:?}, {hidden}");
}

/// Which worlds have texts in fields that are not known by name.
#[test]
fn every_field_with_text_is_known() {
    fn unknown(value: &Value, holder: &str, field: &str, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, member)| unknown(member, field, name, into))
            }
            Value::Array(elements) => {
                elements.iter().for_each(|element| unknown(element, holder, field, into))
            }
            Value::String(text)
                if as_address(text).is_none() && kind(holder, field) == Kind::Named("text") =>
            {
                into.insert(format!("{holder}.{field}"));
            }
            _ => {}
        }
    }
    let mut fields = BTreeSet::new();
    for seed in 0..40 {
        for base in [Base::DynoToVpc, Base::VpcToDyno, Base::VpcToVpc] {
            let mut world = World::generate(base, &Vary::ALL, seed);
            world.scramble(&[seed, seed + 100, seed + 200]);
            world.snapshot.sources.clear();
            world.snapshot.manifest = None;
            unknown(&serde_json::to_value(&world.snapshot).unwrap(), "", "", &mut fields);
        }
    }
    assert_eq!(fields, BTreeSet::new());
}

#[test]
fn what_heroku_and_tags_tell_is_replaced_once_and_alike() {
    let snapshot: Snapshot = serde_json::from_value(serde_json::json!({
        "aws": [{"region": "us-east-1", "documents": {"Vpcs": [{"VpcId": "vpc-1", "OwnerId": "111122223333",
            "Tags": [{"Key": "Name", "Value": "acme-orders"}, {"Key": "CostCenter", "Value": "4711-acme"},
                {"Key": "ManagedBy", "Value": "Terraform"}, {"Key": "aws:cloudformation:stack-name", "Value": "acme-net"}]}]}}],
        "heroku": {
            "space": {"name": "acme-space", "cidr": "10.0.0.0/16", "team": {"name": "acme"}, "region": {"name": "virginia"}},
            "peerings": [{"pcx_id": "pcx-1", "aws_account_id": "111122223333"}, {"pcx_id": "******"}],
            "topology": {"version": 1, "apps": [{"id": "a1", "domains": ["acme-shop.herokuapp.com", "shop.acme.example"],
                "formation": [{"process_type": "web", "dynos": [{"number": 1, "hostname": "1.web.acme-shop.app.localspace"}]}]}]},
            "apps": [{"id": "a1", "name": "acme-shop", "internal_routing": null}],
            "nat": {"state": "enabled", "sources": ["52.1.2.3", "52.1.2.4"]},
            "vpn_connections": [{"name": "acme-office", "routable_cidrs": ["192.168.0.0/24"]}]
        },
        "manifest": {"schema": "peerscope/snapshot/1", "at": "2026-11-22T10:00:00Z", "spaces": [{"id": "s1", "name": "acme-space"}],
            "accounts": ["111122223333"], "gaps": [{"kind": "permission", "what": "x", "reason": "no (GET /spaces/acme-space/nat); acme-spaces stay", "would_tell": ""},
            {"kind": "permission", "what": "what the profile acme-prod can see of AWS", "reason": "ec2:DescribeVpcs is not allowed (User: arn:aws:iam::999988887777:user/alice is not authorized)", "would_tell": "account 111122223333"}],
            "calls": [{"provider": "aws", "call": "ec2:DescribeVpcs, account 111122223333 in us-east-1", "result": "ok", "requests": 1}]},
        "sources": ["/home/acme/snapshot"]
    }))
    .unwrap();
    let (redacted, _) = redact(&snapshot, fastrand::Rng::with_seed(7)).unwrap();
    let text = serde_json::to_string(&redacted).unwrap();
    for secret in [
        "acme-o",
        "acme-s ",
        "acme-shop",
        "acme-net",
        "\"acme",
        "4711",
        "1111222",
        "52.1.2",
        "CostCenter",
        "999988887777",
        "alice",
        "/home",
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let heroku = &redacted.heroku;
    let account = redacted.aws[0].documents.vpcs.as_ref().unwrap()[0].owner_id.clone().unwrap();
    assert_eq!(account.as_str().len(), 12);
    let peerings = heroku.peerings.as_ref().unwrap();
    assert_eq!((&peerings[0].aws_account_id, &peerings[1].pcx_id), (&Some(account.clone()), &None));
    assert_eq!(
        heroku.topology.as_ref().unwrap().apps[0].domains,
        ["app-1.herokuapp.com", "domain-1.example.com"]
    );
    assert_eq!(heroku.apps.as_ref().unwrap()[0].name.as_deref(), Some("app-1"));
    let sources = &heroku.nat.as_ref().unwrap().sources;
    assert!(sources[0] != sources[1] && sources.iter().all(|one| one.to_string().starts_with("203.0.113.")));
    assert_eq!(heroku.space.as_ref().unwrap().region.as_ref().unwrap().name.as_deref(), Some("virginia"));
    let tags = &redacted.aws[0].documents.vpcs.as_ref().unwrap()[0].tags;
    let value = |key: &str| tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str());
    assert_eq!((value("Name"), value("ManagedBy")), (Some("name-1"), Some("Terraform")));
    let manifest = redacted.manifest.unwrap();
    assert!(manifest.redacted);
    assert_eq!(
        (manifest.spaces[0].name.as_deref(), manifest.accounts),
        (Some("space-1"), vec![account.clone()])
    );
    let CollectionGap { what, reason, .. } = &manifest.gaps[1];
    assert_eq!(
        (what.as_str(), reason.as_str()),
        (
            "what the profile … can see of AWS",
            "ec2:DescribeVpcs is not allowed (User: arn:… is not authorized)"
        )
    );
    assert_eq!(manifest.calls[0].call, format!("ec2:DescribeVpcs, account {account} in us-east-1"));
    let CollectionGap { reason, .. } = &manifest.gaps[0];
    assert_eq!(reason, "no (GET /spaces/space-1/nat); acme-spaces stay");
}
