//! A network that is made, broken and mended by the EC2 API itself, as moto plays it.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::stub::{REGION, SECRET, Server, collect, peerscope, python, root, run};

struct Network {
    moto: Server,
    ids: Value,
}

impl Network {
    fn make() -> Self {
        let moto = Server::start("moto_server.py", &[]);
        let output = Command::new(python())
            .arg(root().join("tests/aws/peered.py"))
            .args([&moto.said, REGION])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap();
        let ids = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        Self { moto, ids }
    }

    fn id(&self, end: &str, what: &str) -> &str {
        self.ids[end][what].as_str().unwrap()
    }

    fn peerscope(&self) -> Command {
        let mut command = peerscope(&self.moto.said);
        command
            .env("AWS_ACCESS_KEY_ID", "AKIAMOTO")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_REGION", REGION);
        command
    }

    fn analyze(&self) -> Command {
        let mut command = self.peerscope();
        let target = format!("tcp://{}:5432", self.id("target", "address"));
        command.args([
            "analyze",
            "--format",
            "json",
            "--from",
            self.id("source", "interface"),
            "--to",
            &target,
        ]);
        command
    }

    fn live(&self) -> (Option<i32>, Value) {
        let said = run(self.analyze().arg("--live"));
        (said.status, said.json())
    }

    /// Runs a line of a shell in which `aws` is the AWS CLI and moto AWS; it must name its Region.
    fn shell(&self, line: &str) {
        let beside = python().parent().unwrap().display();
        let path = format!("{beside}:{}", std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-euc", line])
            .env_clear()
            .envs([("PATH", path.as_str()), ("HOME", "/nonexistent"), ("AWS_ENDPOINT_URL", &self.moto.said)])
            .envs([("AWS_ACCESS_KEY_ID", "AKIAMOTO"), ("AWS_SECRET_ACCESS_KEY", SECRET)])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Collected, it is reachable; broken in each way, the live analysis names what was broken, and the command that it
/// prints mends it.
#[test]
fn what_breaks_a_network_is_named_and_mended_by_the_printed_command() {
    let network = Network::make();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("snapshot");
    let said = run(&mut collect(network.peerscope(), &target)).good();
    assert!(said.error.contains("reads account 123456789012 in us-east-1 as "), "{}", said.error);
    run(network.analyze().arg("--snapshot").arg(&target)).good();
    let (source, destination) = (|what| network.id("source", what), |what| network.id("target", what));
    let cases = [
        (
            format!(
                "aws ec2 delete-route --route-table-id {} --destination-cidr-block {}",
                source("route_table"),
                destination("block")
            ),
            ("NO_ROUTE_TO_DESTINATION", source("route_table"), "forward"),
        ),
        (
            format!(
                "aws ec2 delete-route --route-table-id {} --destination-cidr-block {}",
                destination("route_table"),
                source("block")
            ),
            ("NO_ROUTE_TO_DESTINATION", destination("route_table"), "return"),
        ),
        (
            format!(
                "aws ec2 revoke-security-group-ingress --group-id {} --protocol tcp --port 5432 --cidr {}",
                destination("group"),
                source("block")
            ),
            ("SG_HAS_NO_RULES", destination("interface"), "forward"),
        ),
        (
            format!(
                "aws ec2 delete-network-acl-entry --network-acl-id {} --ingress --rule-number 110",
                source("network_acl")
            ),
            ("SUBNET_ACL_RESTRICTION", source("network_acl"), "return"),
        ),
    ];
    for (breaks, (code, component, direction)) in cases {
        network.shell(&format!("{breaks} --region {REGION}"));
        let (status, broken) = network.live();
        let cause = &broken["causes"][0];
        assert_eq!(status, Some(1), "{breaks}: {broken}");
        assert_eq!(
            (cause["code"].as_str(), cause["component"]["id"].as_str(), cause["direction"].as_str()),
            (Some(code), Some(component), Some(direction)),
            "{breaks}: {cause}"
        );
        let fix = &cause["fixes"][0];
        assert_eq!((&fix["tool"], &fix["verified"]), (&"aws".into(), &true.into()), "{fix}");
        network.shell(fix["command"].as_str().unwrap());
        let (status, mended) = network.live();
        assert_eq!((status, &mended["verdict"]), (Some(0), &"reachable".into()), "{fix}: {mended}");
        // What was collected before has not changed.
        run(network.analyze().arg("--snapshot").arg(&target)).good();
    }
    assert!(fs::metadata(target.join("manifest.json")).is_ok());
}
