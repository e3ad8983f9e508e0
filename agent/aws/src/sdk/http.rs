//! The connection to AWS: rustls on ring with the system's roots, through the proxy that the environment names.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector, tls};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// A way to look a name up, which may block.
type LookUp = dyn Fn(&str) -> Result<Vec<IpAddr>, String> + Send + Sync;

/// Names by the caller's own way: the C library's would load others at run time, and this may be a static binary.
#[derive(Clone)]
pub(super) struct Names(pub(super) Arc<LookUp>);

impl fmt::Debug for Names {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Names")
    }
}

impl ResolveDns for Names {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        let (look_up, name) = (Arc::clone(&self.0), name.to_string());
        DnsFuture::new(async move {
            let looked_up = tokio::task::spawn_blocking(move || (look_up(&name), name)).await;
            match looked_up {
                Ok((found, name)) => found.map_err(|why| ResolveDnsError::new(format!("{name}: {why}"))),
                Err(error) => Err(ResolveDnsError::new(error)),
            }
        })
    }
}

/// A client that looks names up so.
pub(super) fn client(names: Names) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder();
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        builder
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_with_resolver(names.clone())
    })
}
