//! A connection, and what is said over it.

use super::conversation::converse;
use super::wire::Wire;
use super::{Probe, Stopped};

/// Asks `HOST:PORT`.
pub(super) fn ask(probe: &mut Probe<'_>, target: &str) -> Result<(), Stopped> {
    let module = &probe.module.tcp;
    probe.page.put("probe_failed_due_to_regex", FAILED_DUE_TO_REGEX, 0.0);
    let Some((host, port)) = host_and_port(target) else {
        return probe.fail("expected HOST:PORT");
    };
    let address = probe.resolve(host, Some(port), module.addresses())?;
    let is_bare = !module.tls && module.query_response.is_empty();
    if let Some(mysql) = probe.reach.mysql(host, address, port).filter(|_| is_bare) {
        return super::mysql::ask(probe, &mysql, address, port);
    }
    let entrance = probe.enter(host, address, port)?;
    let source = module.addresses().from;
    let mut wire = match Wire::connect(entrance, source, probe.reach.deadline()) {
        Ok(wire) => wire,
        Err(error) => return probe.fail(&format!("connecting: {error}")),
    };
    probe.say("connected");
    if module.tls {
        wire = match wire.secure(host, &module.tls_config, &mut probe.page) {
            Ok(wire) => wire,
            Err(error) => return probe.fail(&format!("TLS: {error}")),
        };
    }
    let (wire, ended) = converse(probe, wire, host);
    if let Some(wire) = wire {
        wire.end();
    }
    ended
}

pub(super) const FAILED_DUE_TO_REGEX: &str = "1 where an expression decided that it failed, else 0.";

/// The parts of `HOST:PORT`; an IPv6 address stands in brackets.
pub(super) fn host_and_port(target: &str) -> Option<(&str, u16)> {
    let (host, port) = target.rsplit_once(':')?;
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    let host = if is_bracketed { &host[1..host.len() - 1] } else { host };
    let is_whole =
        !host.is_empty() && (is_bracketed || !host.contains(':')) && !host.contains(['/', '@', ' ']);
    Some((host, port.parse().ok()?)).filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_and_a_port() {
        assert_eq!(host_and_port("10.0.0.1:80"), Some(("10.0.0.1", 80)));
        assert_eq!(host_and_port("[::1]:80"), Some(("::1", 80)));
        assert_eq!(host_and_port("a.example:65535"), Some(("a.example", 65535)));
        for wrong in ["", ":80", "a", "a:", "a:x", "a:65536", "::1:80", "a b:1", "a/b:1", "u@a:1", "[]:1"] {
            assert_eq!(host_and_port(wrong), None, "{wrong}");
        }
    }
}
