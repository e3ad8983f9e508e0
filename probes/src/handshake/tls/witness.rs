//! Looks at a certificate as an application would, remembers what is wrong with it, and lets it pass.

use std::sync::{Arc, Mutex, OnceLock};

use peerscope_vocabulary::{CertificateDoubt, ServerText};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// What was noticed.
#[derive(Clone, Debug, Default)]
struct Noticed {
    doubt: Option<CertificateDoubt>,
    was_asked: bool,
}

/// A judge of certificates that only notes its judgement.
#[derive(Debug)]
pub(super) struct Witness {
    provider: Arc<CryptoProvider>,
    /// The judge by the system's roots; none where there are no roots.
    judge: Option<Arc<WebPkiServerVerifier>>,
    noticed: Mutex<Noticed>,
}

impl Witness {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Self {
        let roots = system_roots();
        let judge = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build().ok();
        Self { provider, judge, noticed: Mutex::default() }
    }

    /// What is wrong with the certificate, where anything is.
    pub(super) fn doubt(&self) -> Option<CertificateDoubt> {
        self.noticed.lock().ok()?.doubt.clone()
    }

    /// Whether the server asked for the client's certificate.
    pub(super) fn was_asked(&self) -> bool {
        self.noticed.lock().is_ok_and(|noticed| noticed.was_asked)
    }

    fn note(&self, doubt: CertificateDoubt) {
        if let Ok(mut noticed) = self.noticed.lock() {
            noticed.doubt.get_or_insert(doubt);
        }
    }

    /// A signature that cannot be checked is one more thing that an application would stop at.
    fn passed(&self, checked: Result<HandshakeSignatureValid, Error>) -> HandshakeSignatureValid {
        checked.unwrap_or_else(|error| {
            self.note(doubt_of(&error));
            HandshakeSignatureValid::assertion()
        })
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.judge {
            None => self.note(CertificateDoubt::NoRoots),
            Some(judge) => {
                let judged =
                    judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
                if let Err(error) = judged {
                    self.note(doubt_of(&error));
                }
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        Ok(self.passed(verify_tls12_signature(message, certificate, signed, algorithms)))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        Ok(self.passed(verify_tls13_signature(message, certificate, signed, algorithms)))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ResolvesClientCert for Witness {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        if let Ok(mut noticed) = self.noticed.lock() {
            noticed.was_asked = true;
        }
        None
    }

    /// It would notice if it were asked for one.
    fn has_certs(&self) -> bool {
        true
    }
}

/// The system's roots, read once: from `SSL_CERT_FILE` and `SSL_CERT_DIR`, else where the system keeps them.
#[must_use]
pub fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let read = || {
        let mut roots = RootCertStore::empty();
        // What cannot be read or is no root vouches for nobody.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    };
    Arc::clone(ROOTS.get_or_init(read))
}

fn doubt_of(error: &Error) -> CertificateDoubt {
    use CertificateError as E;
    match error {
        Error::InvalidCertificate(error) => match error {
            E::Expired | E::ExpiredContext { .. } => CertificateDoubt::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => CertificateDoubt::NotYetValid,
            E::NotValidForName | E::NotValidForNameContext { .. } => CertificateDoubt::AnotherName,
            E::UnknownIssuer => CertificateDoubt::UnknownIssuer,
            other => {
                CertificateDoubt::Other { words: ServerText::new(format!("is bad: {other}").as_bytes()) }
            }
        },
        other => CertificateDoubt::Other { words: ServerText::new(format!("is bad: {other}").as_bytes()) },
    }
}
