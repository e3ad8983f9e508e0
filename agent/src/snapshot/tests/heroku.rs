//! Several spaces in one snapshot: one is analysed, none is mixed with another.

use super::super::Loaded;
use super::load_texts;

fn space(name: &str, network: u8) -> String {
    format!(r#"{{"name": "{name}", "state": "allocated", "cidr": "10.{network}.0.0/16"}}"#)
}

fn info(network: u8) -> String {
    format!(r#"{{"vpc_id": "vpc-{network}", "vpc_cidr": "10.{network}.0.0/16"}}"#)
}

fn peering(id: &str) -> String {
    format!(r#"{{"pcx_id": "{id}", "status": "active"}}"#)
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
