//! A question to a DNS server as people write it: `dns://SERVER[:PORT]/NAME[?type=A|AAAA]` in the shape of RFC
//! 4501, and `dns:NAME` or `dns:///NAME` for the servers of this machine's resolver.

use std::net::{IpAddr, SocketAddr};

use peerscope_vocabulary::AddressRecord;

use crate::target::{Host, TargetError, TargetUrl};

/// DNS's port.
const PORT: u16 = 53;

/// What is to be asked, and whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DnsTarget {
    /// The server and its port; none for those of this machine's resolver.
    pub(crate) server: Option<(Host, u16)>,
    /// The full name: no search list is applied to it.
    pub(crate) name: String,
    /// The kinds of address that are asked for.
    pub(crate) kinds: Vec<AddressRecord>,
}

impl DnsTarget {
    /// Reads a TARGET of the scheme `dns`; none where it is of another. `dns:53` is a port of the host `dns`.
    pub(crate) fn parse(text: &str) -> Option<Result<Self, TargetError>> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(':')?;
        let is_port = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
        (scheme.eq_ignore_ascii_case("dns") && !is_port).then(|| Self::of(rest))
    }

    fn of(rest: &str) -> Result<Self, TargetError> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (server, name) = match rest.strip_prefix("//") {
            None => ("", rest),
            Some(rest) => rest
                .split_once('/')
                .ok_or_else(|| TargetError::expected("a name after the server, as in dns://10.0.0.2/NAME"))?,
        };
        let server = match server {
            "" => None,
            server => Some(Self::server(server)?),
        };
        let no_name = || TargetError::expected("a name to ask for, as in dns:orders-db.example.com");
        let is_plain = !name.contains(['@', '/', ':', '[', '#']);
        let read = TargetUrl::parse(&format!("icmp://{name}")).map(|target| target.host);
        let (Ok(Host::Name(name) | Host::AwsId(name)), true) = (read, is_plain) else {
            return Err(no_name());
        };
        let name = name.trim_end_matches('.').to_string();
        Ok(Self { server, name, kinds: kinds(query)? })
    }

    fn server(text: &str) -> Result<(Host, u16), TargetError> {
        if text.contains('@') {
            return Err(TargetError::expected("dns://SERVER/NAME without a user"));
        }
        // Without a port the scheme needs one; a port of the text's own comes first.
        let with_default = TargetUrl::parse(&format!("icmp://{text}")).map(|target| (target.host, PORT));
        match with_default {
            Ok(found) => Ok(found),
            Err(_) => {
                let target = TargetUrl::parse(&format!("udp://{text}"))?;
                Ok((target.host, target.port.unwrap_or(PORT)))
            }
        }
    }

    /// As it is shown: what was written, in one form.
    pub(crate) fn shown(&self) -> String {
        let kind = match self.kinds.as_slice() {
            [kind] => format!("?type={}", kind.name()),
            _ => String::new(),
        };
        let server = match &self.server {
            None => return format!("dns:{}{kind}", self.name),
            Some((Host::Address(IpAddr::V6(address)), PORT)) => format!("[{address}]"),
            Some((host, PORT)) => host.to_string(),
            Some((Host::Address(address), port)) => SocketAddr::new(*address, *port).to_string(),
            Some((host, port)) => format!("{host}:{port}"),
        };
        format!("dns://{server}/{}{kind}", self.name)
    }
}

/// The kinds of address of a query such as `type=AAAA;class=IN`; both without one.
fn kinds(query: &str) -> Result<Vec<AddressRecord>, TargetError> {
    let mut kinds = AddressRecord::ALL.to_vec();
    for element in query.split([';', '&']).filter(|element| !element.is_empty()) {
        let (key, value) = element.split_once('=').unwrap_or((element, ""));
        let known = AddressRecord::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(value));
        match (key.to_ascii_lowercase().as_str(), known) {
            ("type", Some(kind)) => kinds = vec![kind],
            ("class", _) if value.eq_ignore_ascii_case("IN") || value == "1" => {}
            _ => return Err(TargetError::expected("?type=A or ?type=AAAA after the name, or nothing")),
        }
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_in_the_shape_of_rfc_4501() {
        for (text, shown) in [
            ("dns:orders-db.internal", "dns:orders-db.internal"),
            ("dns:///orders-db.internal.", "dns:orders-db.internal"),
            ("DNS:orders-db.internal?TYPE=aaaa", "dns:orders-db.internal?type=AAAA"),
            ("dns:db?type=A;class=IN", "dns:db?type=A"),
            ("dns://10.0.0.2/_x.db.internal", "dns://10.0.0.2/_x.db.internal"),
            ("dns://10.0.0.2:53/db", "dns://10.0.0.2/db"),
            ("dns://10.0.0.2:5353/db?type=AAAA", "dns://10.0.0.2:5353/db?type=AAAA"),
            ("dns://[fd00::53]/db", "dns://[fd00::53]/db"),
            ("dns://[fd00::53]:5353/db", "dns://[fd00::53]:5353/db"),
            ("dns://ns1.example.com/db", "dns://ns1.example.com/db"),
            ("dns://ns1.example.com:54/db", "dns://ns1.example.com:54/db"),
        ] {
            let read = DnsTarget::parse(text).unwrap().map(|target| target.shown());
            assert_eq!(read.as_deref(), Ok(shown), "{text}");
        }
        for other in ["dns:53", "tcp://10.0.0.2:53", "10.0.0.2", "dnsx:name"] {
            assert_eq!(DnsTarget::parse(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_question_is_said_in_one_line() {
        for (text, expected) in [
            ("dns:", "expected a name to ask for"),
            ("dns:///", "expected a name to ask for"),
            ("dns:a..b", "expected a name to ask for"),
            ("dns:10.0.0.1", "expected a name to ask for"),
            ("dns:user:hunter2@db", "expected a name to ask for"),
            ("dns://10.0.0.2", "expected a name after the server"),
            ("dns://10.0.0.2:0/db", "expected a port from 1 to 65535"),
            ("dns://user:hunter2@10.0.0.2/db", "without a user"),
            ("dns:db?type=MX", "expected ?type=A or ?type=AAAA"),
            ("dns:db?class=CH", "expected ?type=A or ?type=AAAA"),
        ] {
            let error = DnsTarget::parse(text).unwrap().map_err(|error| error.to_string()).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
        }
    }
}
