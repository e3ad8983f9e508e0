//! How this program's own HTTP clients speak TLS: by whose certificates they know a server.

use std::sync::Arc;

use rustls::crypto::ring;
use ureq::tls::{Certificate, ClientCert, RootCerts, TlsConfig};

/// TLS with servers that these authorities vouch for, or otherwise the system's; where there is one, by a certificate of
/// this side.
pub(crate) fn tls_config(
    authorities: Option<Vec<Certificate<'static>>>,
    own: Option<ClientCert>,
) -> TlsConfig {
    let roots = authorities.unwrap_or_else(|| {
        let found = rustls_native_certs::load_native_certs().certs;
        found.iter().map(|root| Certificate::from_der(root).to_owned()).collect()
    });
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .client_cert(own)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build()
}
