//! The daemon and Debian's blackbox_exporter, with the same modules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::daemon::{Daemon, free_port, get, wait_for};
use super::servers::{Authority, missing};
use super::{Ending, ask, series};

const PROGRAM: &str = "prometheus-blackbox-exporter";

/// What blackbox_exporter says, and this does not: how the chain that was verified looks, and by how many routers an echo
/// came.
const LEFT_OUT: [&str; 3] = [
    "probe_ssl_last_chain_info",
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "probe_icmp_reply_hop_limit",
];

/// What both have to say alike.
const SAME: [&str; 8] = [
    "probe_failed_due_to_regex",
    "probe_http_",
    "probe_ip_",
    "probe_ssl_earliest",
    "probe_tls",
    "probe_dns_a",
    "probe_dns_query",
    "probe_dns_serial",
];

/// Both, under way.
pub(crate) struct Both {
    pub(crate) daemon: Daemon,
    theirs: u16,
    _exporter: Ending,
    _folder: TempDir,
}

impl Both {
    /// Whether there is what that takes.
    pub(crate) fn can_be() -> bool {
        let can_be = Command::new(PROGRAM).arg("--version").output().is_ok()
            && missing(&[Authority::PROGRAM]).is_none();
        if !can_be {
            eprintln!("left out: {PROGRAM} or openssl is not installed (make servers installs them)");
        }
        can_be
    }

    /// With these modules, of which all are supported.
    pub(crate) fn with(modules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("blackbox.yml");
        fs::write(&file, modules).unwrap();
        let theirs = free_port();
        let mut exporter = Command::new(PROGRAM);
        exporter
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{theirs}"));
        let exporter = Ending(exporter.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let daemon = Daemon::start(&format!(
            "probe_endpoint: {{allow: ['127.0.0.0/8', '::1'], modules_file: '{}'}}\n",
            file.display()
        ));
        wait_for("blackbox_exporter answers", || get(&format!("http://127.0.0.1:{theirs}/-/healthy")));
        assert!(!daemon.said("log").contains("module_not_supported"), "{}", daemon.said("log"));
        Self { daemon, theirs, _exporter: exporter, _folder: folder }
    }

    /// Both answer so, and say the same.
    pub(crate) fn agree(&self, module: &str, target: &str, expected: f64) {
        let (_, their_page) = ask(self.theirs, target, module);
        let (status, page) = ask(self.daemon.port, target, module);
        let told = format!("{module} {target}\n{page}\n---\n{their_page}");
        assert_eq!(status, 200, "{told}");
        let (ours, theirs) = (series(&page), series(&their_page));
        assert_eq!((ours["probe_success"], theirs["probe_success"]), (expected, expected), "{told}");
        let names = |all: &BTreeMap<String, f64>| -> BTreeSet<String> {
            let is_told = |name: &&String| !LEFT_OUT.iter().any(|left_out| name.starts_with(left_out));
            all.keys().filter(is_told).cloned().collect()
        };
        assert_eq!(names(&ours), names(&theirs), "{told}");
        for (name, value) in &ours {
            // This server's page is about the handshake, and each client has its own.
            let is_own = name == "probe_http_uncompressed_body_length" && ours["probe_http_ssl"] > 0.5;
            let is_same =
                !is_own && SAME.iter().any(|start| name.starts_with(start)) && !name.contains("duration");
            assert!(!is_same || (value - theirs[name]).abs() < 1e-6, "{name}: {value}, {told}");
        }
    }
}
