//! Names for HTTP clients of this program's own: looked up as every other, and never by the C library, which a static
//! binary cannot rely on.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::addresses;

/// The longest that a name is looked up for; a service's takes milliseconds.
const LONGEST_LOOKUP: Duration = Duration::from_secs(5);
/// The most addresses of a name that a connection is tried with.
const MOST_ADDRESSES: usize = 16;

/// The addresses of a URL's host, or of a proxy's.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientNames {
    /// The host that is connected to, where it is another than the one whose certificate is expected.
    pub(crate) instead: Option<String>,
}

impl Resolver for ClientNames {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = self.instead.as_deref().or(uri.host());
        let host = host.map(|host| host.trim_matches(['[', ']'])).ok_or(ureq::Error::HostNotFound)?;
        let default = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        let port = uri.port_u16().unwrap_or(default);
        let found = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => addresses(host, (*timeout.after).min(LONGEST_LOOKUP)).map_err(|why| {
                ureq::Error::Io(io::Error::new(io::ErrorKind::NotFound, format!("{host}: {why}")))
            })?,
        };
        let found: Vec<SocketAddr> =
            found.into_iter().map(|address| SocketAddr::new(address, port)).collect();
        let mut resolved = self.empty();
        for address in config.ip_family().keep_wanted(found.into_iter()).take(MOST_ADDRESSES) {
            resolved.push(address);
        }
        if resolved.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(resolved) }
    }
}
