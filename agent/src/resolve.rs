//! Names to addresses, through the system's own configuration.

use std::net::IpAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::{DnsError, NetError};

use crate::exit::Failure;

/// The addresses of a name, as this machine's resolver configuration gives them (`/etc/hosts` and
/// `/etc/resolv.conf`), without repetition. Names that do not resolve give none; the reason comes with
/// it.
///
/// # Errors
/// Where the system's resolver configuration cannot be read.
pub(crate) fn addresses(name: &str, limit: Duration) -> Result<Result<Vec<IpAddr>, String>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Internal(format!("asynchronous runtime: {error}")))?;
    runtime.block_on(async {
        let builder = TokioResolver::builder_tokio()
            .map_err(|error| Failure::usage(format!("the system's resolver configuration: {error}")))?;
        let resolver = builder.build().map_err(|error| Failure::Internal(format!("resolver: {error}")))?;
        Ok(match tokio::time::timeout(limit, resolver.lookup_ip(name)).await {
            Ok(Ok(found)) => {
                let mut addresses: Vec<IpAddr> = Vec::new();
                for address in found.iter() {
                    if !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
                Ok(addresses)
            }
            Ok(Err(error)) => Err(reason(&error)),
            Err(_) => Err(format!("no answer in {:.1} s", limit.as_secs_f64())),
        })
    })
}

/// What the resolver met, as a person says it.
fn reason(error: &NetError) -> String {
    match error {
        error if error.is_nx_domain() => "the name does not exist (NXDOMAIN)".to_string(),
        error if error.is_no_records_found() => "the name has no address record".to_string(),
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the name server answered with {code}"),
        NetError::Timeout => "the name server did not answer".to_string(),
        NetError::Io(error) => format!("the name server cannot be asked: {error}"),
        other => format!("the name server's answer was of no use ({other})"),
    }
}
