//! Whether this process runs in a dyno, in which one, and what its runtime rules out.
//!
//! A dyno knows much of itself without any credential: its environment names it, and in a Private Space a file
//! lists every dyno beside it. Each part may be absent (an app may have DNS discovery switched off), so none is
//! needed and nothing that is broken is an error.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use peerscope_document::heroku::SpaceTopology;

use crate::escape::escape;

/// Where a Private Space tells its dynos of each other; renewed within seconds of a change.
pub(crate) const TOPOLOGY_FILE: &str = "/etc/heroku/space-topology.json";
/// More than any space's topology has: 10,000 dynos take 2 MB.
const TOPOLOGY_LIMIT: u64 = 32 << 20;

/// What a dyno knows of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Dyno {
    /// `web.1`, `run.9157` and so on; on Fir `web-12a34b56d-e78f9`.
    pub(crate) name: Option<String>,
    /// The dyno's address in the space.
    pub(crate) private_address: Option<IpAddr>,
    /// Its names in the space's DNS.
    pub(crate) discovery: Discovery,
    /// The dynos of its space.
    pub(crate) topology: Option<SpaceTopology>,
    /// Why the file of the topology, which is there, tells nothing.
    pub(crate) unread_topology: Option<String>,
}

/// The names that DNS discovery gives, inside the space alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Discovery {
    /// `APP.app.localspace`
    pub(crate) app: Option<String>,
    /// `PROCESS.APP.app.localspace`: every dyno of its process.
    pub(crate) formation: Option<String>,
    /// `1.PROCESS.APP.app.localspace`
    pub(crate) dyno: Option<String>,
}

/// What a dyno runs in, which decides whether a peering can ever carry its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// A Private Space of the Cedar generation, which can be peered.
    PrivateSpace,
    /// The Fir generation, which cannot.
    Fir,
    /// Most likely the Common Runtime, which cannot; or a Private Space whose app has DNS discovery switched off:
    /// such a dyno shows nothing that would tell them apart.
    Common,
}

impl Dyno {
    /// This dyno; `None` elsewhere.
    pub(crate) fn here() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok();
        Self::of(variable, Path::new(TOPOLOGY_FILE), &own_addresses())
    }

    /// Whether it was started for this one command, as by `heroku run`.
    pub(crate) fn is_one_off(&self) -> bool {
        self.name.as_deref().is_some_and(|name| name.starts_with("run."))
    }

    /// The dyno with this environment, this file of its space's topology and these addresses.
    fn of(variable: impl Fn(&str) -> Option<String>, file: &Path, addresses: &[IpAddr]) -> Option<Self> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_string()).filter(|v| !v.is_empty());
        let name = set("DYNO");
        let private_address = set("HEROKU_PRIVATE_IP").and_then(|address| address.parse().ok());
        let discovery = Discovery {
            app: set("HEROKU_DNS_APP_NAME"),
            formation: set("HEROKU_DNS_FORMATION_NAME"),
            dyno: set("HEROKU_DNS_DYNO_NAME"),
        };
        let (topology, unread_topology) = match read_topology(file) {
            Ok(topology) => (topology, None),
            Err(reason) => (None, Some(reason)),
        };
        let told = name.is_some() || private_address.is_some() || discovery != Discovery::default();
        if !told && topology.is_none() {
            return None;
        }
        let private_address = private_address.or_else(|| listed(topology.as_ref()?, addresses));
        Some(Self { name, private_address, discovery, topology, unread_topology })
    }

    /// What it runs in.
    pub(crate) fn runtime(&self) -> Runtime {
        let in_space = self.private_address.is_some()
            || self.discovery != Discovery::default()
            || self.topology.is_some()
            || self.unread_topology.is_some();
        match &self.name {
            _ if in_space => Runtime::PrivateSpace,
            Some(name) if is_of_fir(name) => Runtime::Fir,
            _ => Runtime::Common,
        }
    }
}

/// Whether a dyno's name has the shape that Fir gives them, `web-12a34b56d-e78f9`; Cedar's have a dot.
fn is_of_fir(name: &str) -> bool {
    let mut parts = name.rsplitn(3, '-');
    let (Some(own), Some(set), Some(process)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let is_process = |part: &str| {
        let rest = part
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'));
        !part.is_empty() && rest
    };
    own.len() == 5 && plain(own) && plain(set) && is_process(process)
}

/// The address of this machine's that the topology lists as a dyno's.
fn listed(topology: &SpaceTopology, addresses: &[IpAddr]) -> Option<IpAddr> {
    let formations = topology.apps.iter().flat_map(|app| &app.formation);
    let dynos = formations.flat_map(|formation| &formation.dynos).filter_map(|dyno| dyno.private_ip);
    dynos.map(IpAddr::V4).find(|address| addresses.contains(address))
}

fn own_addresses() -> Vec<IpAddr> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let addresses = interfaces.filter_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip()));
    addresses.filter(|address| !address.is_loopback()).map(IpAddr::V4).collect()
}

/// The topology in a file; nothing where there is no file, and why where there is one that tells nothing.
fn read_topology(file: &Path) -> Result<Option<SpaceTopology>, String> {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(_) => return Ok(None),
    };
    let mut text = String::new();
    let read = opened.take(TOPOLOGY_LIMIT + 1).read_to_string(&mut text);
    read.map_err(|error| format!("it cannot be read: {error}"))?;
    if text.len() as u64 > TOPOLOGY_LIMIT {
        return Err(format!("it is larger than {} MB", TOPOLOGY_LIMIT >> 20));
    }
    // A list would pass for the fields of one in their order.
    if !text.trim_start().starts_with('{') {
        return Err("it cannot be read: expected a JSON object".to_string());
    }
    let topology: Result<SpaceTopology, _> = serde_json::from_str(&text);
    topology.map(Some).map_err(|error| escape(&format!("it cannot be read: {error}")).into_owned())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const TOPOLOGY: &str = r#"{"version": 1, "apps": [{"id": "a1", "domains": ["shop.herokuapp.com"],
        "formation": [{"id": "f1", "process_type": "web", "dynos": [
            {"id": "d1", "number": 1, "private_ip": "10.0.139.183", "hostname": "1.web.shop.app.localspace",
             "host_entry": "10.0.139.183 1.web.shop.app.localspace web.shop.app.localspace"}]}]}]}"#;

    fn nowhere() -> PathBuf {
        PathBuf::from("/nonexistent/space-topology.json")
    }

    fn with(pairs: &[(&str, &str)], file: &Path, addresses: &[&str]) -> Option<Dyno> {
        let variable = |name: &str| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_string())
        };
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Dyno::of(variable, file, &addresses)
    }

    #[test]
    fn a_dyno_is_known_by_its_name_or_its_address() {
        let with = |pairs: &[(&str, &str)]| with(pairs, &nowhere(), &["10.0.0.1"]);
        assert_eq!(with(&[("HOME", "/app")]), None);
        assert_eq!(with(&[("DYNO", "")]), None);
        assert_eq!(with(&[("DYNO", "web.1")]).and_then(|dyno| dyno.name).as_deref(), Some("web.1"));
        for (name, is_one_off) in [("run.9157", true), ("web.1", false), ("runner.1", false), ("run", false)]
        {
            let dyno = Dyno { name: Some(name.to_string()), ..Dyno::default() };
            assert_eq!(dyno.is_one_off(), is_one_off, "{name}");
        }
        let dyno = with(&[("HEROKU_PRIVATE_IP", "10.0.139.183")]).unwrap();
        assert_eq!(dyno.private_address, Some("10.0.139.183".parse().unwrap()));
        assert_eq!(with(&[("HEROKU_PRIVATE_IP", "nonsense")]), None);
        let dyno = with(&[("HEROKU_DNS_FORMATION_NAME", "web.shop.app.localspace")]).unwrap();
        assert_eq!(dyno.discovery.formation.as_deref(), Some("web.shop.app.localspace"));
    }

    #[test]
    fn the_runtime_shows_by_what_only_one_of_them_has() {
        for (pairs, runtime) in [
            (&[("DYNO", "web.1"), ("HEROKU_PRIVATE_IP", "10.0.139.183")][..], Runtime::PrivateSpace),
            (
                &[("DYNO", "run.9157"), ("HEROKU_DNS_DYNO_NAME", "9157.run.shop.app.localspace")],
                Runtime::PrivateSpace,
            ),
            (&[("DYNO", "web-12a34b56d-e78f9")], Runtime::Fir),
            (&[("DYNO", "my-web_worker-12a34b56d-e78f9")], Runtime::Fir),
            (&[("DYNO", "web-12a34b56d-e78f")], Runtime::Common),
            (&[("DYNO", "web-12A34-e78f9")], Runtime::Common),
            (&[("DYNO", "-12a34-e78f9")], Runtime::Common),
            (&[("DYNO", "web.1")], Runtime::Common),
            (&[("DYNO", "scheduler.4242")], Runtime::Common),
        ] {
            assert_eq!(with(pairs, &nowhere(), &[]).unwrap().runtime(), runtime, "{pairs:?}");
        }
    }

    #[test]
    fn the_file_alone_tells_which_dyno_this_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("space-topology.json");
        std::fs::write(&file, TOPOLOGY).unwrap();
        let dyno = with(&[], &file, &["192.0.2.1", "10.0.139.183"]).unwrap();
        assert_eq!(dyno.private_address, Some("10.0.139.183".parse().unwrap()));
        assert_eq!(dyno.runtime(), Runtime::PrivateSpace);
        // Nobody's address in it: a dyno all the same, since only dynos have the file.
        assert_eq!(with(&[], &file, &["192.0.2.1"]).unwrap().private_address, None);
        // The environment goes first.
        let dyno = with(&[("HEROKU_PRIVATE_IP", "10.0.130.9")], &file, &["10.0.139.183"]).unwrap();
        assert_eq!(dyno.private_address, Some("10.0.130.9".parse().unwrap()));
    }

    #[test]
    fn a_broken_file_is_said_and_breaks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("space-topology.json");
        for broken in ["", "{", "[]", "\u{1b}[2J", r#"{"apps": 5}"#] {
            std::fs::write(&file, broken).unwrap();
            assert_eq!(with(&[], &file, &[]), None, "{broken}");
            let dyno = with(&[("DYNO", "web.1")], &file, &[]).unwrap();
            let reason = dyno.unread_topology.clone().unwrap();
            assert!(reason.starts_with("it cannot be read") && !reason.contains('\u{1b}'), "{reason}");
            assert_eq!((dyno.topology.clone(), dyno.runtime()), (None, Runtime::PrivateSpace));
        }
    }
}
