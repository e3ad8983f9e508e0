//! Folders: which files are read, and what their names tell.

use std::fs;
use std::os::unix::fs::symlink;

use peerscope_document::id::Region;

use super::{folder, load_paths, load_texts, notes};

const VPC: &str = r#"{"Vpcs": [{"VpcId": "vpc-1"}]}"#;

#[test]
fn each_folder_is_a_collection_with_its_region() {
    let loaded = load_texts(&[
        ("b/us-east-1/vpcs.json", VPC),
        ("b/us-east-1/subnets.json", r#"{"Subnets": []}"#),
        ("b/eu-west-2/deep/er/vpcs.json", VPC),
        ("a/vpcs.json", VPC),
        ("a/vpcs-ap-south-1.json", VPC),
        ("c/heroku.json", r#"{"pcx_id": "pcx-1"}"#),
    ])
    .unwrap();
    let collections: Vec<_> = loaded
        .snapshot
        .aws
        .iter()
        .map(|collection| {
            (collection.region.as_ref().map(Region::as_str), collection.documents.subnets.is_some())
        })
        .collect();
    assert_eq!(
        collections,
        [(Some("ap-south-1"), false), (None, false), (Some("eu-west-2"), false), (Some("us-east-1"), true)]
    );
}

#[test]
fn links_in_circles_end_and_lead_to_each_file_once() {
    let folder = folder(&[("a/vpcs.json", VPC.as_bytes())]);
    let top = folder.path();
    symlink(top, top.join("a/up")).unwrap();
    symlink(top.join("a"), top.join("b")).unwrap();
    symlink(top.join("a/vpcs.json"), top.join("again.json")).unwrap();
    symlink("loop.json", top.join("loop.json")).unwrap();
    symlink("nowhere", top.join("nowhere.json")).unwrap();
    symlink("nowhere", top.join("nowhere.txt")).unwrap();
    let loaded = load_paths(top, &[top.to_path_buf(), top.join("a"), top.join("b/vpcs.json")]).unwrap();
    let vpcs: usize = loaded.snapshot.aws.iter().map(|aws| aws.documents.vpcs.as_ref().unwrap().len()).sum();
    assert_eq!(vpcs, 1);
    assert_eq!(loaded.snapshot.sources.len(), 3);
    let mut notes = notes(top, &loaded);
    notes.sort();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("loop.json: a symbolic link passed over: it leads nowhere: "));
    assert!(notes[1].starts_with("nowhere.json: a symbolic link passed over: it leads nowhere: "));
}

#[test]
fn folders_are_read_to_a_depth() {
    let folder = folder(&[("vpcs.json", VPC.as_bytes())]);
    let deep = folder.path().join("d/".repeat(40));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("broken.json"), "{").unwrap();
    let loaded = load_paths(folder.path(), &[folder.path().to_path_buf()]).unwrap();
    let notes = notes(folder.path(), &loaded);
    assert_eq!(
        notes,
        [format!("{}d: a folder passed over: folders are read 32 levels deep", "d/".repeat(32))]
    );
}

#[test]
fn an_empty_folder_beside_documents_is_noted() {
    let folder = folder(&[("aws/vpcs.json", VPC.as_bytes())]);
    fs::create_dir(folder.path().join("heroku")).unwrap();
    let paths = [folder.path().join("aws"), folder.path().join("heroku")];
    let loaded = load_paths(folder.path(), &paths).unwrap();
    assert_eq!(notes(folder.path(), &loaded), ["heroku: a folder passed over: no *.json file is in it"]);
}

#[test]
fn the_oldest_manifest_counts() {
    let manifest = |at: &str| format!(r#"{{"schema": "peerscope/snapshot/1", "at": "{at}"}}"#);
    let loaded = load_texts(&[
        ("a.json", &manifest("2026-11-22T10:00:00Z")),
        ("b.json", &manifest("2026-11-22T10:30:00+02:00")),
        ("c.json", &manifest("2026-11-22T09:00:00Z")),
    ])
    .unwrap();
    assert_eq!(loaded.snapshot.manifest.unwrap().at, "2026-11-22T10:30:00+02:00");
    assert_eq!(loaded.notes.len(), 2);
}

#[test]
fn health_finds_its_target_group() {
    const HEALTH: &str = r#"{"TargetHealthDescriptions": [{"Target": {"Id": "i-1"}}]}"#;
    const NAMED: &str = r#"{"TargetGroupArn": "arn:b", "TargetHealthDescriptions": []}"#;
    const ONE: &str = r#"{"TargetGroups": [{"TargetGroupArn": "arn:a", "TargetGroupName": "orders"}]}"#;
    const TWO: &str = r#"{"TargetGroups": [{"TargetGroupArn": "arn:a", "TargetGroupName": "orders"},
        {"TargetGroupArn": "arn:b", "TargetGroupName": "orders-old"}]}"#;
    for (files, expected, notes) in [
        (vec![("g.json", ONE), ("h.json", HEALTH)], vec!["arn:a"], 0),
        (vec![("g.json", TWO), ("h.json", HEALTH)], vec![], 1),
        (vec![("g.json", TWO), ("health_orders.json", HEALTH)], vec!["arn:a"], 0),
        (vec![("g.json", TWO), ("health-orders-old.json", HEALTH)], vec!["arn:b"], 0),
        (vec![("g.json", TWO), ("health-reorders.json", HEALTH)], vec![], 1),
        (vec![("g.json", ONE), ("h.json", HEALTH), ("i.json", HEALTH)], vec![], 2),
        (vec![("g.json", TWO), ("h.json", NAMED)], vec!["arn:b"], 0),
        (vec![("h.json", HEALTH), ("vpcs.json", VPC)], vec![], 1),
    ] {
        let loaded = load_texts(&files).unwrap();
        let health = loaded.snapshot.aws[0].documents.target_group_health.iter().flatten();
        let groups: Vec<&str> =
            health.map(|health| health.target_group_arn.as_ref().unwrap().as_str()).collect();
        assert_eq!(groups, expected, "{files:?}");
        assert_eq!(loaded.notes.len(), notes, "{files:?}: {:?}", loaded.notes);
    }
}

#[test]
fn entries_find_their_prefix_list() {
    const ENTRIES: &str = r#"{"Entries": [{"Cidr": "192.0.2.0/24"}]}"#;
    const LIST: &str = r#"{"PrefixLists": [{"PrefixListId": "pl-00000001", "PrefixListName": "a"}]}"#;
    const LISTS: &str = r#"{"PrefixLists": [{"PrefixListId": "pl-00000001", "PrefixListName": "a"},
        {"PrefixListId": "pl-00000002", "PrefixListName": "b"},
        {"PrefixListId": "pl-00000003", "PrefixListName": "c", "Cidrs": ["198.51.100.0/24"]}]}"#;
    for (files, blocks, notes) in [
        // The only list that lacks its entries.
        (&[("a/entries.json", ENTRIES), ("lists.json", LIST)][..], "pl-00000001:1", 0),
        // By name of file or folder, in whatever order.
        (
            &[("lists.json", LISTS), ("pl-00000002.json", ENTRIES)],
            "pl-00000001:- pl-00000002:1 pl-00000003:1",
            0,
        ),
        (
            &[("e/pl-00000001/x.json", ENTRIES), ("lists.json", LISTS)],
            "pl-00000001:1 pl-00000002:- pl-00000003:1",
            0,
        ),
        // By a key beside, and then one is left.
        (
            &[
                ("a.json", r#"{"PrefixListId": "pl-00000001", "Entries": []}"#),
                ("b.json", ENTRIES),
                ("lists.json", LISTS),
            ],
            "pl-00000001:0 pl-00000002:1 pl-00000003:1",
            0,
        ),
        // A list that nothing else mentions.
        (&[("pl-00000009.json", ENTRIES)], "pl-00000009:1", 0),
        // Nothing tells.
        (&[("a.json", ENTRIES), ("lists.json", LISTS)], "pl-00000001:- pl-00000002:- pl-00000003:1", 1),
        (&[("a.json", ENTRIES), ("b.json", ENTRIES), ("lists.json", LIST)], "pl-00000001:-", 2),
    ] {
        let loaded = load_texts(files).unwrap();
        let lists = loaded.snapshot.aws.iter().flat_map(|aws| aws.documents.prefix_lists.iter().flatten());
        let mut found: Vec<_> = lists
            .map(|list| {
                let count = list.blocks().map_or_else(|| "-".to_owned(), |blocks| blocks.len().to_string());
                format!("{}:{count}", list.prefix_list_id)
            })
            .collect();
        found.sort();
        assert_eq!(found.join(" "), blocks, "{files:?}");
        assert_eq!(loaded.notes.len(), notes, "{files:?}");
    }
}
