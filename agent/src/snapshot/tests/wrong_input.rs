//! Each kind of wrong input and its one line.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::{folder, load_files, load_paths, load_texts, samples};

#[test]
fn broken_documents_are_named_with_place_and_expectation() {
    for (text, error) in [
        // Truncated.
        (
            r#"{"Vpcs": [{"VpcId": "vpc-"#,
            "1:26: expected the end of the string, found the end of the file: it is truncated",
        ),
        (
            "{\"Vpcs\": [\n {\"VpcId\": \"v\"}\n",
            "2:16: expected the end of the list, found the end of the file: it is truncated",
        ),
        ("{\"Vpcs\":", "1:9: expected a value, found the end of the file: it is truncated"),
        ("{\"Vpcs\": []", "1:12: expected the end of the object, found the end of the file: it is truncated"),
        // No JSON.
        ("<html>", "1:1: expected JSON, found `<`"),
        ("\u{7f}ELF\u{1}\0", "1:1: expected JSON, found `\\u{7f}`"),
        ("|  DescribeVpcs  |", "1:1: expected JSON, found `|`"),
        ("{\"Vpcs\": [}", "1:11: expected a value, found `}`"),
        ("{\"Vpcs\" [}", "1:9: expected `:`, found `[`"),
        ("{'Vpcs': []}", "1:2: expected a key in double quotes, found `'`"),
        ("{\"Vpcs\": [],\n}", "2:1: expected another element after the comma, found `}`"),
        ("{\"Vpcs\": []\n \"Subnets\": []}", "2:2: expected `,` or `}`, found `\"`"),
        ("{\"Vpcs\": [{}\n {}]}", "2:2: expected `,` or `]`, found `{`"),
        ("{\"Vpcs\": nul}", "1:13: expected true, false or null, found `}`"),
        (
            "{\"é\": \"é\", \"x\": \"a\nb\"}",
            "1:19: expected a closing quote, or the control character as an escape, found `\\n`",
        ),
        ("{\"Vpcs\": \"a\\q\"}", "1:13: expected an escape that JSON has, found `q`"),
        ("{\"Vpcs\": 1.}", "1:12: expected a number as JSON has them, found `}`"),
        ("{\"Vpcs\": []} x", "1:14: expected JSON, found `x`"),
        ("{\"Vpcs\": []}}", "1:13: expected JSON, found `}`"),
        ("{\"Vpcs\":[{\"VpcId\":\"\\ud800\"}]}", "1:26: expected a \\u escape of a character, found `\"`"),
        // Wrong types.
        (r#"{"Vpcs": {"VpcId": 5}}"#, "1:10: at Vpcs: expected a list, found an object"),
        (r#"{"Vpcs": ["vpc-1"]}"#, "1:11: at Vpcs[0]: expected an object, found \"vpc-1\""),
        (r#"{"Vpcs": [{"VpcId":   5}]}"#, "1:23: at Vpcs[0].VpcId: expected a string, found 5"),
        (
            r#"{"Vpcs": [{"VpcId": "v", "IsDefault": "yes"}]}"#,
            "1:39: at Vpcs[0].IsDefault: expected true or false, found \"yes\"",
        ),
        (
            "{\"Vpcs\": [\n  {\"CidrBlock\": \"10.0.0.0/16\"}]}",
            "2:3: at Vpcs[0]: expected the key \"VpcId\", found an object without it",
        ),
        (
            r#"{"Vpcs": [{"VpcId": "v", "VpcId": "w"}]}"#,
            "1:11: at Vpcs[0]: expected the key \"VpcId\" once, found it twice",
        ),
        (
            r#"{"NetworkAcls": [{"NetworkAclId": "a", "VpcId": "v", "Entries": [{"RuleNumber": 99999999999}]}]}"#,
            "1:81: at NetworkAcls[0].Entries[0].RuleNumber: expected a whole number, found 99999999999",
        ),
        (
            r#"{"NetworkAcls": [{"NetworkAclId": "a", "VpcId": "v", "Entries": [{"RuleNumber": [1]}]}]}"#,
            "1:81: at NetworkAcls[0].Entries[0].RuleNumber: expected a whole number, found a list",
        ),
        (
            r#"{"SecurityGroups": [{"GroupId": "s", "IpPermissions": [{"IpProtocol": "tpc"}]}]}"#,
            "1:71: at SecurityGroups[0].IpPermissions[0].IpProtocol: expected a protocol such as \"tcp\", \"-1\" or a number to 255, found \"tpc\"",
        ),
        (
            r#"{"NetworkInterfaces": [{"NetworkInterfaceId": "e", "PrivateIpAddress": "10.0.0.256"}]}"#,
            "1:72: at NetworkInterfaces[0].PrivateIpAddress: expected an IPv4 address such as 10.0.0.5, found \"10.0.0.256\"",
        ),
        (
            r#"{"cidr": "10.0.0.0/16", "state": "x", "generation": 5}"#,
            "1:53: at generation: expected a generation's name or an object with its name, found 5",
        ),
        (
            r#"{"schema": "peerscope/snapshot/1", "at": "yesterday"}"#,
            "1:42: at at: expected a time (RFC 3339) such as 2026-11-22T10:00:00Z, found \"yesterday\"",
        ),
        // Bad CIDR blocks, with whatever is in them.
        (
            r#"{"vpc_cidr": "10.0.0/16"}"#,
            "1:14: at vpc_cidr: expected a CIDR block such as 10.0.0.0/16, found \"10.0.0/16\"",
        ),
        (
            "{\"vpc_cidr\": \"\\u001b[2J\u{9b}\u{202e}\"}",
            "1:14: at vpc_cidr: expected a CIDR block such as 10.0.0.0/16, found \"\\u001b[2J\\u{9b}\\u{202e}\"",
        ),
        (
            r#"{"vpc_cidr": ", found \", expected x\"!"}"#,
            "1:14: at vpc_cidr: expected a CIDR block such as 10.0.0.0/16, found \", found \\\", expected x\\\"!\"",
        ),
        // Other JSON.
        (
            r#"{"name": "x", "version": 1}"#,
            "1:1: expected AWS or Heroku documents, such as the output of `aws ec2 describe-vpcs`, found an object with the keys \"name\", \"version\"",
        ),
        (
            "\n [1, 2]",
            "2:2: expected AWS or Heroku documents, such as the output of `aws ec2 describe-vpcs`, found a list with a value that is no object",
        ),
        (
            "[]",
            "1:1: expected AWS or Heroku documents, such as the output of `aws ec2 describe-vpcs`, found an empty list in a file whose name does not tell of what",
        ),
    ] {
        let folder = folder(&[("x.json", text.as_bytes())]);
        let errors = load_paths(folder.path(), &[folder.path().join("x.json")]).unwrap_err();
        assert_eq!(errors, [format!("x.json:{error}")], "{text}");
    }
}

#[test]
fn long_values_are_cut() {
    let text = format!(r#"{{"vpc_cidr": "{}"}}"#, "é".repeat(100_000));
    let errors = load_texts(&[("x.json", &text)]).unwrap_err();
    let found = "é".repeat(48);
    assert_eq!(
        errors,
        [format!("x.json:1:14: at vpc_cidr: expected a CIDR block such as 10.0.0.0/16, found \"{found}…\"")]
    );
}

#[test]
fn nesting_of_any_depth_is_an_error_or_passed_over() {
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    for (text, error) in [
        (
            nested("[", "]"),
            "DIR: expected AWS or Heroku documents, such as the output of `aws ec2 describe-vpcs`, found one \
             *.json file, x.json, with a list with a list with a list with a list with a list with a value that \
             is no object",
        ),
        (
            format!("{{\"Vpcs\": {}}}", nested("[", "]")),
            "x.json:1:12: at Vpcs[0][0]: expected a string, found a list",
        ),
        (nested("{\"Vpcs\":", "}"), "x.json:1:9: at Vpcs: expected a list, found an object"),
        (
            format!("{{\"cidr\": \"10.0.0.0/16\", \"state\": \"x\", \"generation\": {}}}", nested("[", "]")),
            "x.json:1:179: expected fewer than 128 levels of lists and objects, found more",
        ),
        (
            "[".repeat(100_000),
            "x.json:1:100001: expected the end of the list, found the end of the file: it is truncated",
        ),
    ] {
        assert_eq!(load_texts(&[("x.json", &text)]).unwrap_err(), [error]);
    }
    let beside = format!(r#"{{"Vpcs": [], "deep": {}}}"#, nested("[", "]"));
    assert!(load_texts(&[("x.json", &beside)]).is_ok());
}

#[test]
fn all_broken_files_are_reported_together() {
    let errors = load_files(&[
        ("a.json", b"{\"Vpcs\": [{\"VpcId\": 1}]} {\"Subnets\": 2} {"),
        ("b.json", samples::SPACE.as_bytes()),
        ("c/d.json", b""),
        ("e.json", b"\x89PNG\r\n"),
        ("other.json", b"{}"),
    ]);
    assert_eq!(
        errors.unwrap_err(),
        [
            "a.json:1:21: at Vpcs[0].VpcId: expected a string, found 1",
            "a.json:1:38: at Subnets: expected a list, found 2",
            "a.json:1:42: expected the end of the object, found the end of the file: it is truncated",
            "c/d.json: expected JSON, found an empty file (did the command that wrote it fail?)",
            "e.json:1:1: expected JSON in UTF-8, found the byte 0x89",
        ]
    );
}

#[test]
fn paths_without_documents_are_named() {
    let folder =
        folder(&[("one/a.json", b"{}"), ("two/a.json", b"5"), ("two/b.json", b"{}"), ("text/a.txt", b"")]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let expected = "expected AWS or Heroku documents, such as the output of `aws ec2 describe-vpcs`, found";
    for (name, error) in [
        ("nowhere", "nowhere: no such file or folder".to_owned()),
        ("empty", format!("empty: {expected} no *.json file")),
        ("text", format!("text: {expected} no *.json file")),
        ("one", format!("one: {expected} one *.json file, a.json, with an object")),
        (
            "two",
            format!(
                "two: {expected} 2 *.json files without any, the first, a.json, with a value that is no object"
            ),
        ),
        (
            "text/a.txt",
            "text/a.txt: expected JSON, found an empty file (did the command that wrote it fail?)".to_owned(),
        ),
        ("text/a.txt/b", "text/a.txt/b: cannot be read: Not a directory (os error 20)".to_owned()),
    ] {
        assert_eq!(load_paths(folder.path(), &[folder.path().join(name)]).unwrap_err(), [error]);
    }
    let both = [folder.path().join("one"), folder.path().join("empty")];
    assert_eq!(load_paths(folder.path(), &both).unwrap_err().len(), 2);
}

#[test]
fn names_come_out_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"a\xff\x1b[2J\n\xe2\x80\xae.json");
    fs::write(folder.path().join(name), "{").unwrap();
    let error = load_paths(folder.path(), &[folder.path().join(name)]).unwrap_err();
    assert_eq!(
        error,
        [
            "a\u{fffd}\\u{1b}[2J\\n\\u{202e}.json:1:2: expected the end of the object, found the end of the file: it is truncated"
        ]
    );
}

#[test]
fn only_regular_files_are_read() {
    let folder = folder(&[("vpcs.json", b"{\"Vpcs\": []}")]);
    let pipe = folder.path().join("pipe.json");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    for (path, error) in [
        (pipe, "pipe.json: expected a regular file or a folder, found a named pipe"),
        (PathBuf::from("/dev/zero"), "/dev/zero: expected a regular file or a folder, found a device"),
    ] {
        assert_eq!(load_paths(folder.path(), &[path]).unwrap_err(), [error]);
    }
    let loaded = load_paths(folder.path(), &[folder.path().to_path_buf()]).unwrap();
    assert_eq!(
        super::notes(folder.path(), &loaded),
        ["pipe.json: a named pipe passed over: only regular files are read"]
    );
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let folder = folder(&[("x.json", b"")]);
    let path = folder.path().join("x.json");
    fs::File::options().write(true).open(&path).unwrap().set_len((1 << 30) + 1).unwrap();
    assert_eq!(
        load_paths(folder.path(), &[path]).unwrap_err(),
        ["x.json: expected at most 1 GiB, found a larger file"]
    );
}

#[test]
fn what_may_not_be_read_is_named() {
    let folder = folder(&[("x.json", b"{\"Vpcs\": []}"), ("y/z.json", b"{\"Vpcs\": []}")]);
    fs::set_permissions(folder.path().join("x.json"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(folder.path().join("y"), fs::Permissions::from_mode(0o000)).unwrap();
    let loaded = load_paths(folder.path(), &[folder.path().to_path_buf()]);
    fs::set_permissions(folder.path().join("y"), fs::Permissions::from_mode(0o700)).unwrap();
    // Root may read everything, so there is nothing to see.
    if !nix::unistd::geteuid().is_root() {
        assert_eq!(loaded.unwrap_err(), ["y: no permission to read it", "x.json: no permission to read it"]);
    }
}
