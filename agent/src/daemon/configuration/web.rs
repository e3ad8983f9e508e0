//! The file of `web_config_file`, as exporters of Prometheus take it (exporter-toolkit, "web configuration"): TLS, who may
//! ask, and headers. Files that it names lie beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use schemars::JsonSchema;
use serde::Deserialize;

use super::yaml::{Node, Wrong};
use super::{beside, errors, find, tree};
use crate::daemon::access::Access;
use crate::input_error::InputError;
use crate::input_file::read_text;

/// Headers that a file may set; others the answers have for a reason.
const HEADERS: &[&str] = &[
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
];

/// What the file holds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "web configuration")]
struct Web {
    /// How connections are encrypted.
    tls_server_config: Option<Tls>,
    /// What answers have beside their own.
    http_server_config: Option<Http>,
    /// Who may ask: names, with the bcrypt hashes of their passwords.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    basic_auth_users: BTreeMap<String, String>,
}

/// How connections are encrypted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tls {
    /// The certificate and those up to its authority, in PEM.
    cert_file: PathBuf,
    /// The key, in PEM.
    key_file: PathBuf,
    /// Whether clients have to have a certificate.
    #[serde(default)]
    #[schemars(with = "Option<ClientAuth>")]
    client_auth_type: ClientAuth,
    /// The authorities of clients' certificates, in PEM.
    client_ca_file: Option<PathBuf>,
    /// The oldest version of TLS.
    #[serde(default)]
    #[schemars(with = "Option<Version>")]
    min_version: Version,
}

impl Tls {
    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.cert_file, &self.key_file].into_iter().chain(&self.client_ca_file)
    }
}

/// Whether clients have to have a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
enum ClientAuth {
    /// None is asked for.
    #[default]
    NoClientCert,
    /// One that is given has to be good.
    VerifyClientCertIfGiven,
    /// A good one has to be given.
    RequireAndVerifyClientCert,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
enum Version {
    /// 1.2
    #[default]
    TLS12,
    /// 1.3
    TLS13,
}

/// What answers have beside their own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Http {
    /// Headers.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    headers: BTreeMap<String, String>,
}

/// Reads a file, and the certificates and keys that it names.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(
    file: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Access, Vec<InputError>> {
    let text = read_text(file, "web configuration").map_err(|error| vec![error])?;
    let (web, root): (Web, Node) = tree(file, &text, environment, &["basic_auth_users"])?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut reading = Reading { folder, root: &root, wrong: Vec::new() };
    let tls = web.tls_server_config.as_ref().and_then(|tls| reading.tls(tls));
    let headers = web.http_server_config.as_ref().map(|http| reading.headers(&http.headers));
    reading.users(&web.basic_auth_users);
    let named = web.tls_server_config.iter().flat_map(Tls::files).map(|named| beside(folder, named));
    let files = [file.to_path_buf()].into_iter().chain(named).collect();
    match reading.wrong.is_empty() {
        true => Ok(Access::new(tls, headers.unwrap_or_default(), web.basic_auth_users, files)),
        false => Err(errors(file, reading.wrong)),
    }
}

struct Reading<'a> {
    folder: &'a Path,
    root: &'a Node,
    wrong: Vec<(String, Wrong)>,
}

impl Reading<'_> {
    fn say(&mut self, place: &[&str], problem: impl Into<String>) {
        let node = place.iter().try_fold(self.root, |node, key| find(node, key)).unwrap_or(self.root);
        self.wrong.push((place.join("."), Wrong { position: node.position, problem: problem.into() }));
    }

    fn tls(&mut self, tls: &Tls) -> Option<Arc<ServerConfig>> {
        const SECTION: &str = "tls_server_config";
        let before = self.wrong.len();
        let certificates = self.certificates(&[SECTION, "cert_file"], &tls.cert_file);
        let key_file = beside(self.folder, &tls.key_file);
        let key = PrivateKeyDer::from_pem_file(&key_file);
        let key = key.map_err(|error| {
            let found = format!("expected a key in PEM, found none in {}: {error}", key_file.display());
            self.say(&[SECTION, "key_file"], found);
        });
        let is_verifying = tls.client_auth_type != ClientAuth::NoClientCert;
        let mut roots = RootCertStore::empty();
        match (&tls.client_ca_file, is_verifying) {
            (Some(file), true) => {
                for certificate in self.certificates(&[SECTION, "client_ca_file"], file) {
                    if let Err(error) = roots.add(certificate) {
                        self.say(
                            &[SECTION, "client_ca_file"],
                            format!("expected authorities, found: {error}"),
                        );
                    }
                }
            }
            (None, true) => {
                let problem = "expected client_ca_file too, by which clients' certificates are verified";
                self.say(&[SECTION, "client_auth_type"], problem);
            }
            (Some(_), false) => {
                let problem = "expected a client_auth_type that verifies by it, found NoClientCert";
                self.say(&[SECTION, "client_ca_file"], problem);
            }
            (None, false) => {}
        }
        let key = key.ok()?;
        if self.wrong.len() > before {
            return None;
        }
        match server(tls, certificates, key, roots) {
            Ok(server) => Some(Arc::new(server)),
            Err(problem) => {
                self.say(&[SECTION], format!("expected a certificate with its key, found: {problem}"));
                None
            }
        }
    }

    fn certificates(&mut self, place: &[&str], file: &Path) -> Vec<CertificateDer<'static>> {
        let file = beside(self.folder, file);
        let read = CertificateDer::pem_file_iter(&file)
            .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>());
        match read {
            Ok(certificates) if !certificates.is_empty() => certificates,
            Ok(_) => {
                self.say(place, format!("expected certificates in PEM, found none in {}", file.display()));
                Vec::new()
            }
            Err(error) => {
                let found =
                    format!("expected certificates in PEM, found none in {}: {error}", file.display());
                self.say(place, found);
                Vec::new()
            }
        }
    }

    fn headers(&mut self, headers: &BTreeMap<String, String>) -> Vec<(HeaderName, HeaderValue)> {
        let mut taken = Vec::new();
        for (name, value) in headers {
            let place = ["http_server_config", "headers", name];
            let known = HEADERS.iter().find(|known| known.eq_ignore_ascii_case(name));
            let header = known.and_then(|known| HeaderName::from_bytes(known.as_bytes()).ok());
            match (header, HeaderValue::from_str(value)) {
                (Some(header), Ok(value)) => taken.push((header, value)),
                (None, _) => self.say(&place, format!("expected one of {}", HEADERS.join(", "))),
                (_, Err(_)) => self.say(&place, "expected the value of a header, of one line"),
            }
        }
        taken
    }

    /// A hash that is none is not shown: it may be the password itself.
    fn users(&mut self, users: &BTreeMap<String, String>) {
        for (name, hash) in users {
            let place = ["basic_auth_users", name];
            if hash.parse::<bcrypt::HashParts>().is_err() {
                self.say(&place, "expected a bcrypt hash, as `htpasswd -nBC 10 NAME` writes it");
            }
            if name.contains(':') {
                self.say(&place, "expected a name without a colon, which none can have here (RFC 7617)");
            }
        }
    }
}

fn server(
    tls: &Tls,
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: RootCertStore,
) -> Result<ServerConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let versions: &[&SupportedProtocolVersion] = match tls.min_version {
        Version::TLS12 => &[&rustls::version::TLS12, &rustls::version::TLS13],
        Version::TLS13 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?;
    let builder = match tls.client_auth_type {
        ClientAuth::NoClientCert => builder.with_no_client_auth(),
        kind => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match kind {
                ClientAuth::VerifyClientCertIfGiven => verifier.allow_unauthenticated(),
                _ => verifier,
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| error.to_string())?)
        }
    };
    builder.with_single_cert(certificates, key).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("web.yml");
        std::fs::write(&file, text).unwrap();
        let errors = read(&file, &|_| None).err().unwrap_or_default();
        let shown = |error: &InputError| error.to_string().replace(&folder.path().display().to_string(), "");
        errors.iter().map(shown).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_told_and_no_password() {
        let errors = wrong(
            "tls_server_config:\n  cert_file: none.pem\n  key_file: none.key\n  client_auth_type: RequireAndVerifyClientCert\n\
             http_server_config:\n  headers: {X-Powered-By: x}\nbasic_auth_users:\n  alice: wonderland\n",
        );
        assert_eq!(errors.len(), 5, "{errors:#?}");
        for (error, expected) in errors.iter().zip([
            "/web.yml:2:14: at tls_server_config.cert_file: expected certificates in PEM, found none in /none.pem",
            "/web.yml:3:13: at tls_server_config.key_file: expected a key in PEM, found none in /none.key",
            "/web.yml:4:21: at tls_server_config.client_auth_type: expected client_ca_file too",
            "/web.yml:6:27: at http_server_config.headers.X-Powered-By: expected one of Content-Security-Policy, ",
            "/web.yml:8:10: at basic_auth_users.alice: expected a bcrypt hash",
        ]) {
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("wonderland"), "{error}");
        }
        let errors =
            wrong("tls_server_config: {cert_file: x, client_auth_type: Sometimes, cipher_suites: []}\n");
        assert_eq!(errors.len(), 3, "{errors:#?}");
        for misplaced in ["alice:wonderland", "[wonderland]", "{alice: {password: wonderland}}"] {
            let errors = wrong(&format!("basic_auth_users: {misplaced}\n"));
            assert!(!errors.is_empty() && !errors.concat().contains("wonderland"), "{errors:#?}");
        }
    }
}
