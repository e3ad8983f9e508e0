//! What must go together where this daemon makes requests to somebody else's HTTP server.

use std::path::PathBuf;

use super::model::{BasicAuthSection, TlsSection};
use super::secret::Secret;

/// By what requests are made, as it stands in a section.
pub(super) struct Authentication<'a> {
    pub(super) basic: Option<&'a BasicAuthSection>,
    pub(super) token: Option<&'a Secret>,
    pub(super) token_file: Option<&'a PathBuf>,
    pub(super) tls: &'a TlsSection,
}

impl Authentication<'_> {
    /// What does not go together: the key, and what was expected.
    pub(super) fn contradictions(&self) -> Vec<(&'static str, &'static str)> {
        let has_token = self.token.is_some() || self.token_file.is_some();
        let is_unclear = |basic: &BasicAuthSection| basic.password.is_some() == basic.password_file.is_some();
        let all = [
            (self.basic.is_some_and(is_unclear), "basic_auth", "expected either password or password_file"),
            (
                self.token.is_some() && self.token_file.is_some(),
                "bearer_token",
                "expected either this or bearer_token_file",
            ),
            (self.basic.is_some() && has_token, "bearer_token", "expected either basic_auth or a token"),
            (is_half(self.tls.cert_file.as_ref(), self.tls.key_file.as_ref()), "tls", HALF),
        ];
        all.into_iter().filter_map(|(is_wrong, key, what)| is_wrong.then_some((key, what))).collect()
    }
}

/// What is expected of a certificate of this side.
pub(super) const HALF: &str = "expected cert_file and key_file together";

/// Whether a certificate lacks its key, or a key its certificate.
pub(super) fn is_half(certificate: Option<&PathBuf>, key: Option<&PathBuf>) -> bool {
    certificate.is_some() != key.is_some()
}

/// The files that are named by who makes requests.
pub(super) fn files<'a>(
    basic: &'a mut Option<BasicAuthSection>,
    token_file: &'a mut Option<PathBuf>,
    tls: &'a mut TlsSection,
) -> impl Iterator<Item = &'a mut PathBuf> {
    let password = basic.iter_mut().filter_map(|basic| basic.password_file.as_mut());
    password.chain(token_file.as_mut()).chain(tls_files(tls))
}

/// Those of TLS.
pub(super) fn tls_files(tls: &mut TlsSection) -> impl Iterator<Item = &mut PathBuf> {
    [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file].into_iter().flatten()
}
