//! Wrong input, from the outside: one line that says what is wrong and what was expected, exit status 2,
//! and nothing on standard output.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output};

const TARGET: &str = "tcp://10.100.2.20:5432";

fn peerscope() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peerscope"));
    command.env_remove("DYNO").env_remove("HEROKU_PRIVATE_IP").env_remove("DATABASE_URL");
    command
}

fn example() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db").display().to_string()
}

/// The lines that a command that must fail as wrong input wrote.
fn refused(what: &str, output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap_or_else(|_| panic!("{what}: not UTF-8"));
    assert_eq!(output.status.code(), Some(2), "{what}: {text}");
    assert!(output.stdout.is_empty(), "{what}: {}", String::from_utf8_lossy(&output.stdout));
    let plain = text.chars().all(|character| character == '\n' || !character.is_control());
    assert!(plain, "{what}: {text:?}");
    text
}

#[test]
fn wrong_arguments_are_one_line_and_exit_2() {
    let example = example();
    let with = |arguments: &[&str]| -> Vec<String> { arguments.iter().map(ToString::to_string).collect() };
    for (arguments, said) in [
        (with(&[]), "expected a command"),
        (with(&["whence"]), "unrecognized subcommand 'whence'"),
        (with(&["why"]), "<TARGET>"),
        (with(&["why", "gopher://10.0.0.1:70"]), "unknown scheme \"gopher\""),
        (with(&["why", "tcp://10.0.0.1"]), "expected a port"),
        (with(&["why", "tcp://10.0.0.1:65536"]), "expected a port from 1 to 65535"),
        (with(&["why", "tcp://10.0.0.1:0"]), "expected a port from 1 to 65535"),
        (with(&["why", "tcp://10.0.0.256:80"]), "is no host"),
        (with(&["why", TARGET, "--target-env", "DATABASE_URL"]), "cannot be used with"),
        (with(&["why", "--target-env", "DATABASE_URL"]), "expected an environment variable"),
        (with(&["why", TARGET, "--no-probe", "--resolve", "10.0.0.1"]), "cannot be used with"),
        (with(&["why", TARGET, "--deadline", "soon"]), "expected seconds from 0.1 to 3600"),
        (with(&["why", TARGET, "--source-ports", "60000-50000"]), "expected LO-HI"),
        (with(&["why", TARGET, "--from", "dyno"]), "expected to run in a dyno"),
        (with(&["why", TARGET, "--from", "10.0.0.0/33"]), "expected an address, a CIDR"),
        (with(&["why", TARGET, "--format", "xml"]), "invalid value 'xml'"),
        (with(&["analyze", "--to", TARGET]), "expected --snapshot PATH"),
        (
            with(&["analyze", "--assert", "reach.toml", "--snapshot", &example, "--format", "html"]),
            "expected --format text or json with --assert",
        ),
        (
            with(&["analyze", "--to", "tcp://orders-db.internal:5432", "--snapshot", &example]),
            "knows no host",
        ),
        (
            with(&["analyze", "--to", "tcp://eni-0000000000000000:1", "--snapshot", &example]),
            "is not in the snapshot",
        ),
        (with(&["analyze", "--snapshot", &example]), "--to <TARGET>"),
        (with(&["why", TARGET, "--thorough", "--until-reachable"]), "cannot be used with"),
        (with(&["why", TARGET, "--explore", "--no-probe"]), "cannot be used with"),
        (with(&["why", TARGET, "--save", "-", "--format", "json"]), "--save -: expected no --format"),
        (with(&["why", TARGET, "--save", "/dev/stdout", "--verbose"]), "--save -: expected no --format"),
        (with(&["matrix"]), "expected --snapshot PATH"),
        (with(&["matrix", "--from", "vpc-nowhere", "--snapshot", &example]), "expected space or a VPC's id"),
        (with(&["matrix", "--ports", "9-3", "--snapshot", &example]), "expected LO-HI"),
        (with(&["analyze", "--to", TARGET, "--assert", "reach.toml"]), "cannot be used with"),
        (with(&["analyze", "--from", "space", "--assert", "reach.toml"]), "cannot be used with"),
        (with(&["analyze", "--assert", "/dev/null/reach.toml", "--snapshot", &example]), "Not a directory"),
        (with(&["analyze", "--assert", "/dev/zero", "--snapshot", &example]), "at most 4 MiB"),
        (
            with(&["analyze", "--assert", "/dev/null", "--snapshot", &example]),
            "expected [[assertion]] entries",
        ),
        (with(&["rehearse"]), "--snapshot <PATH>"),
        (with(&["explain", "NO_SUCH_CAUSE"]), "is no cause"),
    ] {
        let output = peerscope().args(&arguments).output().expect("the binary runs");
        let text = refused(&arguments.join(" "), &output);
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
        assert!(text.starts_with("peerscope: ") && text.contains(said), "{arguments:?}: {text}");
    }
}

#[test]
fn wrong_files_are_named_with_their_place_and_exit_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let files: [(&str, &[u8], &str); 9] = [
        ("truncated.json", b"{\"Vpcs\": [{\"VpcId\": \"vpc-1\"", "truncated.json:1:"),
        ("other.json", b"{\"menu\": {\"id\": \"file\"}}", "other.json:1:1: expected AWS or Heroku documents"),
        ("types.json", b"{\"Subnets\": [{\"SubnetId\": 7, \"VpcId\": \"vpc-1\"}]}", "at Subnets[0].SubnetId"),
        (
            "cidr.json",
            b"{\n  \"Vpcs\": [\n    {\"VpcId\": \"vpc-1\", \"CidrBlock\": \"10.0.0.0/64\"}\n  ]\n}",
            "cidr.json:3:",
        ),
        (
            "port.json",
            b"{\"SecurityGroups\": [{\"GroupId\": \"sg-1\", \"IpPermissions\": [{\"IpProtocol\": \"tcp\", \"FromPort\": \"http\"}]}]}",
            "at SecurityGroups[0].IpPermissions[0].FromPort",
        ),
        ("garbage.json", b"\x7fELF\x02\x01\x01\x00\x00\xff\xfe", "garbage.json"),
        ("empty.json", b"", "empty.json"),
        ("deep.json", deep.as_bytes(), "deep.json"),
        ("escape.json", b"{\"Vpcs\": [{\"VpcId\": \"vpc-1\", \"CidrBlock\": \"\\u001b[2J\"}]}", "\\u001b[2J"),
    ];
    for (name, content, said) in files {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("a file");
        let output =
            peerscope().args(["analyze", "--to", TARGET, "--snapshot"]).arg(&path).output().expect("it runs");
        let text = refused(name, &output);
        assert_eq!(text.lines().count(), 1, "{name}: {text}");
        assert!(text.contains(said), "{name}: {text}");
    }
    for (path, said) in [
        (folder.path().join("absent"), "absent"),
        (folder.path().join("empty"), "expected AWS or Heroku documents"),
    ] {
        fs::create_dir_all(folder.path().join("empty")).expect("a folder");
        let output =
            peerscope().args(["analyze", "--to", TARGET, "--snapshot"]).arg(&path).output().expect("it runs");
        let text = refused(said, &output);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(said), "{text}");
    }
    // All that is broken is said in one run, a line each.
    let output = peerscope()
        .args(["analyze", "--to", TARGET, "--snapshot"])
        .arg(folder.path())
        .output()
        .expect("it runs");
    let text = refused("all at once", &output);
    assert!(text.lines().count() >= 6, "{text}");
}

#[test]
fn names_that_are_not_utf_8_or_hold_escapes_come_out_harmless() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = std::ffi::OsStr::from_bytes(b"\x1b]0;owned\x07-\xff.json");
    fs::write(folder.path().join(name), b"{\"Vpcs\": [1]}").expect("a file");
    let output = peerscope()
        .args(["analyze", "--to", TARGET, "--snapshot"])
        .arg(folder.path())
        .output()
        .expect("it runs");
    let text = refused("a hostile name", &output);
    assert!(text.contains("\\u{1b}]0;owned\\u{7}") && text.contains('\u{fffd}'), "{text}");
}

#[test]
fn no_part_of_a_secret_is_ever_said() {
    let url = "postgres://orders:hunter2@10.100.2.20/ledger?password=hunter2";
    let example = example();
    for format in ["text", "json"] {
        let output = peerscope()
            .env("DATABASE_URL", url)
            .args([
                "why",
                "--target-env",
                "DATABASE_URL",
                "--no-probe",
                "--from",
                "space",
                "--format",
                format,
            ])
            .args(["--snapshot", &example])
            .output()
            .expect("it runs");
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("10.100.2.20"), "{said}");
        for secret in ["hunter2", "ledger", "orders:"] {
            assert!(!said.contains(secret), "{format}: {said}");
        }
    }
    let output = peerscope()
        .args(["why", "postgres://orders:hunter2@10.100.2.20:0/ledger"])
        .output()
        .expect("it runs");
    assert!(!refused("a bad port", &output).contains("hunter2"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let command = format!("{} explain | head -n 1; exit ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_peerscope"));
    let output = Command::new("bash").args(["-c", &command]).output().expect("bash runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
}
