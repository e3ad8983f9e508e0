//! Several spaces in one snapshot: one is analysed, none is mixed with another.

use super::super::Loaded;
use super::{load_texts, samples};

fn space(name: &str, network: u8) -> String {
    format!(r#"{{"name": "{name}", "state": "allocated", "cidr": "10.{network}.0.0/16"}}"#)
}

fn info(network: u8) -> String {
    format!(r#"{{"vpc_id": "vpc-{network}", "vpc_cidr": "10.{network}.0.0/16"}}"#)
}

fn peering(id: &str) -> String {
    format!(r#"{{"pcx_id": "{id}", "status": "active"}}"#)
}

/// Both forms that the API's variants and the CLI give, and Heroku's mask.
#[test]
fn every_variant_of_a_document_says_the_same() {
    let topology = samples::TOPOLOGY;
    let plural = topology.replace("\"formation\"", "\"formations\"");
    assert_ne!(topology, plural);
    let of = |text: &str| load_texts(&[("x.json", text)]).unwrap().snapshot.heroku;
    assert_eq!(of(topology).topology, of(&plural).topology);
    let object = samples::SPACE.replace("\"cedar\"", r#"{"id": "c1", "name": "cedar"}"#);
    assert_ne!(samples::SPACE, object);
    let generation = |text: &str| of(text).space.unwrap().generation.unwrap().name().to_owned();
    assert_eq!(generation(samples::SPACE), generation(&object));
    let masked = of(samples::PEERINGS).peerings.unwrap();
    assert_eq!((&masked[0].pcx_id, &masked[0].aws_vpc_id, &masked[0].aws_account_id), (&None, &None, &None));
}

/// The key of a tunnel has no field, so it can be in nothing that is shown or saved.
#[test]
fn the_key_of_a_vpn_is_neither_shown_nor_saved() {
    const KEY: &str = "not-to-be-shown";
    let files: Vec<_> =
        samples::ALL.iter().copied().chain([("vpn.json", samples::VPN_CONNECTIONS)]).collect();
    assert!(files.iter().any(|(_, text)| text.contains(KEY)));
    let loaded = load_texts(&files).unwrap();
    assert!(loaded.snapshot.heroku.vpn_connections.is_some());
    let saved = serde_json::to_string(&loaded.snapshot).unwrap();
    let mut said = 0;
    for target in ["tcp://10.100.2.20:5432", "tcp://192.0.2.7:5432"] {
        let Some((text, json)) = crate::command::analyze::report_for_test(&loaded, "space", target) else {
            continue;
        };
        said += 1;
        assert!(!text.contains(KEY) && !json.contains(KEY), "{text}");
    }
    assert_eq!(said, 2);
    assert!(!saved.contains(KEY) && !format!("{loaded:?}").contains(KEY));
    // Nor where the document is broken, whatever is wrong with it.
    for (whole, broken) in [
        ("\"192.0.2.0/24\"", "\"192.0.2.0/99\""),
        ("\"status\": \"active\"", "\"status\": 5"),
        ("not-to-be-shown\"", "not-to-be-shown"),
        ("\"UP\"}]}]", "\"UP\""),
        ("\"tunnels\"", "tunnels"),
    ] {
        let text = samples::VPN_CONNECTIONS.replace(whole, broken);
        assert_ne!(text, samples::VPN_CONNECTIONS);
        let errors = load_texts(&[("vpn.json", &text)]).unwrap_err().join("\n");
        assert!(!errors.contains(KEY), "{errors}");
    }
}

/// Space, VPC of the peering-info and peerings.
fn chosen(loaded: &Loaded) -> String {
    let heroku = &loaded.snapshot.heroku;
    let space = heroku.space.as_ref().and_then(|space| space.name.as_deref()).unwrap_or("-");
    let vpc =
        heroku.peering_info.as_ref().and_then(|info| info.vpc_id.as_ref()).map_or("-", |vpc| vpc.as_str());
    let peerings: Vec<_> = heroku
        .peerings
        .iter()
        .flatten()
        .map(|peering| peering.pcx_id.as_ref().map_or("*", |id| id.as_str()))
        .collect();
    format!("{space} {vpc} {}", peerings.join(","))
}

#[test]
fn documents_of_one_space_are_joined_and_others_passed_over() {
    let (one, two) = (space("one", 1), space("two", 2));
    let (info_one, info_two) = (info(1), info(2));
    let (a, b, masked) = (peering("pcx-a"), peering("pcx-b"), peering("***"));
    let both = format!("[{two}, {one}]");
    let a_and_masked = format!("[{a}, {masked}, {masked}]");
    let a_otherwise = a.replace("active", "deleted");
    for (files, expected, notes) in [
        // One space, in several folders and twice.
        (&[("x/a.json", &one), ("y/b.json", &info_one), ("z/c.json", &a)][..], "one vpc-1 pcx-a", 0),
        (
            &[("a.json", &one), ("b.json", &one), ("c.json", &info_one), ("d.json", &info_one)],
            "one vpc-1 ",
            0,
        ),
        (&[("a.json", &a_and_masked), ("b.json", &a_and_masked), ("c.json", &b)], "- - pcx-a,*,*,pcx-b", 0),
        // Two spaces in folders: the first by path.
        (
            &[
                ("1/a.json", &two),
                ("1/b.json", &info_two),
                ("1/c.json", &b),
                ("2/a.json", &one),
                ("2/b.json", &info_one),
                ("2/c.json", &a),
            ],
            "two vpc-2 pcx-b",
            3,
        ),
        // All spaces in a list, the peering-info of one of them elsewhere: by the network.
        (&[("all.json", &both), ("s/info.json", &info_one), ("s/p.json", &a)], "one vpc-1 pcx-a", 1),
        // A space that is not the peering-info's.
        (&[("a.json", &info_one), ("b.json", &two), ("c.json", &a)], "- vpc-1 pcx-a", 1),
        // The same peering, seen at two times.
        (&[("a.json", &a), ("b.json", &a_otherwise)], "- - pcx-a", 1),
    ] {
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let loaded = load_texts(&files).unwrap();
        assert_eq!(chosen(&loaded), expected, "{files:?}");
        assert_eq!(loaded.notes.len(), notes, "{files:?}: {:?}", loaded.notes);
    }
}

/// Apps have names that their domains may not tell, regions a name of AWS's.
#[test]
fn apps_and_regions_are_recognised_and_read() {
    let app = r#"{"id": "a1", "name": "orders-2", "internal_routing": true, "stack": {"name": "heroku-24"}, "web_url": null}"#;
    let region = |name: &str, aws: &str| {
        format!(
            r#"{{"id": "59ac", "name": "{name}", "country": "US", "locale": "Virginia", "private_capable": true,
            "provider": {{"name": "amazon-web-services", "region": "{aws}"}}}}"#
        )
    };
    let regions = format!("[{}, {}]", region("oregon", "us-west-2"), region("virginia", "us-east-1"));
    let info = samples::PEERING_INFO.replace(r#""aws_region": "us-east-1", "#, "");
    let files = [
        ("app.json", app),
        ("regions.json", regions.as_str()),
        ("topology.json", samples::TOPOLOGY),
        ("space.json", samples::SPACE),
        ("info.json", info.as_str()),
        ("vpn-connections.json", "[]"),
    ];
    let loaded = load_texts(&files).unwrap();
    assert_eq!(loaded.notes, []);
    let heroku = &loaded.snapshot.heroku;
    assert_eq!(heroku.apps.as_ref().unwrap()[0].internal_routing, Some(true));
    assert_eq!(heroku.vpn_connections.as_deref(), Some(&[][..]));
    let topology = peerscope_analysis::topology::Topology::from(&loaded.snapshot);
    let space = topology.space().unwrap();
    assert_eq!(space.region.as_ref().map(|region| region.as_str()), Some("us-east-1"));
    assert_eq!(space.dynos[0].name.as_deref(), Some("web.1 of orders-2"));
    // What is written is recognised again: masked peerings too, and an app whose routing nobody told.
    let masked =
        load_texts(&[("peerings.json", samples::PEERINGS)]).unwrap().snapshot.heroku.peerings.unwrap();
    let app = peerscope_document::heroku::App { name: Some("x".into()), ..Default::default() };
    let written = load_texts(&[
        ("a.json", &serde_json::to_string(&masked).unwrap()),
        ("b.json", &serde_json::to_string(&app).unwrap()),
    ])
    .unwrap();
    assert_eq!(written.notes, []);
    assert_eq!(written.snapshot.heroku.peerings, Some(masked));
    assert_eq!(written.snapshot.heroku.apps, Some(vec![app]));
}

/// What a collection could not read is a gap wherever its snapshot is used.
#[test]
fn gaps_of_a_manifest_are_kept() {
    let manifest = |at: &str, what: &str| {
        format!(
            r#"{{"schema": "peerscope/snapshot/1", "at": "{at}", "gaps": [{{"kind": "permission", "what": "{what}",
            "reason": "403", "would_tell": "x"}}], "new": 1}}"#
        )
    };
    let files = [
        ("a/manifest.json", &*manifest("2026-11-22T10:00:00Z", "nat")),
        ("b/manifest.json", &*manifest("2026-11-21T10:00:00Z", "topology")),
    ];
    let gaps = load_texts(&files).unwrap().snapshot.manifest.unwrap().gaps;
    assert_eq!(gaps.iter().map(|gap| gap.what.as_str()).collect::<Vec<_>>(), ["nat", "topology"]);
}
