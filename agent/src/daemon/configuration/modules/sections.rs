//! The sections of blackbox.yml, as far as they are supported.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::secret::Secret;
use super::super::values::{Address, BodySize, Pattern, Span};

/// A configuration of blackbox_exporter.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct ModulesDocument {
    /// The modules by name.
    pub(super) modules: BTreeMap<String, Module>,
}

/// How a target is asked.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct Module {
    /// Of which kind the question is.
    pub(crate) prober: String,
    /// How long it may take.
    pub(crate) timeout: Option<Span>,
    /// A question by HTTP.
    #[serde(default)]
    #[schemars(with = "Option<HttpModule>")]
    pub(crate) http: HttpModule,
    /// A connection.
    #[serde(default)]
    #[schemars(with = "Option<TcpModule>")]
    pub(crate) tcp: TcpModule,
    /// An echo.
    #[serde(default)]
    #[schemars(with = "Option<IcmpModule>")]
    pub(crate) icmp: IcmpModule,
    /// A question to a DNS server.
    #[serde(default)]
    #[schemars(with = "Option<DnsModule>")]
    pub(crate) dns: DnsModule,
}

impl Module {
    /// What it has of TLS, each with its place.
    pub(super) fn tls(&self) -> [(&'static str, &TlsModule); 3] {
        [
            ("http.tls_config", &self.http.tls_config),
            ("tcp.tls_config", &self.tcp.tls_config),
            ("dns.tls_config", &self.dns.tls_config),
        ]
    }

    /// The files that are named.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let HttpModule { basic_auth, authorization, bearer_token_file, tls_config, .. } = &mut self.http;
        let password = basic_auth.as_mut().and_then(|basic| basic.password_file.as_mut());
        let credentials = authorization.as_mut().and_then(|given| given.credentials_file.as_mut());
        let of_tls = [tls_config, &mut self.tcp.tls_config, &mut self.dns.tls_config];
        let of_tls =
            of_tls.into_iter().flat_map(|tls| [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file]);
        of_tls.flatten().chain(bearer_token_file).chain(password).chain(credentials)
    }
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Family {
    /// IPv4
    Ip4,
    /// IPv6
    #[default]
    Ip6,
}

/// Which addresses a question is between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// The family that comes first.
    pub(crate) preferred: Family,
    /// Whether the other will do.
    pub(crate) has_fallback: bool,
    /// Whence it is asked, where that is said.
    pub(crate) from: Option<IpAddr>,
}

fn yes() -> bool {
    true
}

macro_rules! sections {
    ($($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$outer])*
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        pub(crate) struct $name {
            /// Which family of addresses is asked first.
            #[serde(default)]
            #[schemars(with = "Option<Family>")]
            pub(crate) preferred_ip_protocol: Family,
            /// Whether the other one is, where the target has none of that.
            #[serde(default = "yes")]
            #[schemars(with = "Option<bool>")]
            pub(crate) ip_protocol_fallback: bool,
            /// The address to ask from.
            pub(crate) source_ip_address: Option<Address>,
            $($(#[$inner])* pub(crate) $field: $type,)*
        }

        impl $name {
            /// Which addresses of a target are asked, and from which.
            pub(crate) fn addresses(&self) -> Addresses {
                Addresses {
                    preferred: self.preferred_ip_protocol,
                    has_fallback: self.ip_protocol_fallback,
                    from: self.source_ip_address.map(|source| source.0),
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                serde_json::from_str("{}").unwrap_or_else(|_| unreachable!("nothing of a section is required"))
            }
        }
    )+};
}

sections! {
    /// A question by HTTP.
    HttpModule {
        /// The statuses that are well; otherwise 200 to 299.
        #[serde(default)]
        #[schemars(with = "Option<Vec<u16>>")]
        valid_status_codes: Vec<u16>,
        /// The versions that are well; otherwise all.
        #[serde(default)]
        #[schemars(with = "Option<Vec<String>>")]
        valid_http_versions: Vec<String>,
        /// The method; otherwise GET.
        method: Option<String>,
        /// What is sent as the body.
        body: Option<Line>,
        /// A user and a password.
        basic_auth: Option<BasicAuthModule>,
        /// What else proves who asks.
        authorization: Option<AuthorizationModule>,
        /// A token.
        bearer_token: Option<Secret>,
        /// A file that holds the token. It is read for every request.
        bearer_token_file: Option<PathBuf>,
        /// The longest body that is read, without its compression.
        body_size_limit: Option<BodySize>,
        /// How a body is compressed: gzip or deflate.
        compression: Option<String>,
        /// Headers to send.
        #[serde(default)]
        #[schemars(with = "Option<BTreeMap<String, Secret>>")]
        headers: BTreeMap<String, Secret>,
        /// Whether redirects are followed.
        #[serde(default = "yes")]
        #[schemars(with = "Option<bool>")]
        follow_redirects: bool,
        /// Whether HTTP/2 may be spoken. It never is.
        enable_http2: Option<bool>,
        /// Whether TLS is a failure.
        #[serde(default)]
        #[schemars(with = "Option<bool>")]
        fail_if_ssl: bool,
        /// Whether anything but TLS is.
        #[serde(default)]
        #[schemars(with = "Option<bool>")]
        fail_if_not_ssl: bool,
        /// What no body may have.
        #[serde(default)]
        #[schemars(with = "Option<Vec<Pattern>>")]
        fail_if_body_matches_regexp: Vec<Pattern>,
        /// What every body must have.
        #[serde(default)]
        #[schemars(with = "Option<Vec<Pattern>>")]
        fail_if_body_not_matches_regexp: Vec<Pattern>,
        /// What no header may have.
        #[serde(default)]
        #[schemars(with = "Option<Vec<HeaderMatch>>")]
        fail_if_header_matches: Vec<HeaderMatch>,
        /// What headers must have.
        #[serde(default)]
        #[schemars(with = "Option<Vec<HeaderMatch>>")]
        fail_if_header_not_matches: Vec<HeaderMatch>,
        /// TLS.
        #[serde(default)]
        #[schemars(with = "Option<TlsModule>")]
        tls_config: TlsModule,
    }
    /// A connection.
    TcpModule {
        /// What is said, and what is expected.
        #[serde(default)]
        #[schemars(with = "Option<Vec<Exchange>>")]
        query_response: Vec<Exchange>,
        /// Whether TLS is spoken from the start.
        #[serde(default)]
        #[schemars(with = "Option<bool>")]
        tls: bool,
        /// TLS.
        #[serde(default)]
        #[schemars(with = "Option<TlsModule>")]
        tls_config: TlsModule,
    }
    /// An echo.
    IcmpModule {
        /// Whether no router may divide it.
        #[serde(default)]
        #[schemars(with = "Option<bool>")]
        dont_fragment: bool,
        /// How many bytes it carries.
        #[serde(default)]
        #[schemars(with = "Option<u16>")]
        payload_size: u16,
        /// How many routers it may pass.
        ttl: Option<u8>,
    }
    /// A question to a DNS server.
    DnsModule {
        /// The name that is asked for.
        query_name: Option<String>,
        /// The type of records.
        query_type: Option<String>,
        /// udp or tcp.
        transport_protocol: Option<String>,
        /// Whether the server is to ask others.
        #[serde(default = "yes")]
        #[schemars(with = "Option<bool>")]
        recursion_desired: bool,
        /// The codes that are well; otherwise NOERROR.
        #[serde(default)]
        #[schemars(with = "Option<Vec<String>>")]
        valid_rcodes: Vec<String>,
        /// The class of records; otherwise IN.
        query_class: Option<String>,
        /// Whether TLS is spoken, which needs tcp.
        #[serde(default)]
        #[schemars(with = "Option<bool>")]
        dns_over_tls: bool,
        /// TLS.
        #[serde(default)]
        #[schemars(with = "Option<TlsModule>")]
        tls_config: TlsModule,
        /// What the records of the answer have.
        #[serde(default)]
        #[schemars(with = "Option<RecordsModule>")]
        validate_answer_rrs: RecordsModule,
        /// What those of authority have.
        #[serde(default)]
        #[schemars(with = "Option<RecordsModule>")]
        validate_authority_rrs: RecordsModule,
        /// What those beside them have.
        #[serde(default)]
        #[schemars(with = "Option<RecordsModule>")]
        validate_additional_rrs: RecordsModule,
    }
}

/// What the records of a section have, each as a line of text.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct RecordsModule {
    /// What none may have.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Pattern>>")]
    pub(crate) fail_if_matches_regexp: Vec<Pattern>,
    /// What each has to have, whatever the key is called: so blackbox_exporter obeys it.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Pattern>>")]
    pub(crate) fail_if_all_match_regexp: Vec<Pattern>,
    /// What each has to have, and there has to be one.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Pattern>>")]
    pub(crate) fail_if_not_matches_regexp: Vec<Pattern>,
    /// Of what one has to have something.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Pattern>>")]
    pub(crate) fail_if_none_matches_regexp: Vec<Pattern>,
}

/// A user and a password.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct BasicAuthModule {
    /// The user.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) username: String,
    /// The password.
    pub(crate) password: Option<Secret>,
    /// A file that holds the password. It is read for every request.
    pub(crate) password_file: Option<PathBuf>,
}

/// What the header Authorization has.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct AuthorizationModule {
    /// Its first word; otherwise Bearer.
    #[serde(rename = "type")]
    pub(crate) scheme: Option<String>,
    /// The rest.
    pub(crate) credentials: Option<Secret>,
    /// A file that holds the rest. It is read for every request.
    pub(crate) credentials_file: Option<PathBuf>,
}

/// What a header has.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct HeaderMatch {
    /// Its name.
    pub(crate) header: String,
    /// What it has.
    pub(crate) regexp: Pattern,
    /// Whether it may be missing.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub(crate) allow_missing: bool,
}

/// What is sent, which may be a password; it is shown nowhere.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Line(pub(crate) String);

impl fmt::Debug for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Line")
    }
}

/// A line of a conversation.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct Exchange {
    /// What a line of the other side must have.
    pub(crate) expect: Option<Pattern>,
    /// The line that is sent then; `${1}` is what the expression's first group found.
    pub(crate) send: Option<Line>,
    /// Whether TLS begins then.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub(crate) starttls: bool,
}

/// TLS.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct TlsModule {
    /// Whether any certificate will do.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub(crate) insecure_skip_verify: bool,
    /// The authorities that are trusted, in PEM; otherwise the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// The name that the certificate has to have; otherwise the target's host.
    pub(crate) server_name: Option<String>,
    /// This side's certificate, in PEM.
    pub(crate) cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    pub(crate) key_file: Option<PathBuf>,
    /// The lowest version that will do; otherwise 1.2.
    pub(crate) min_version: Option<TlsVersion>,
}

impl TlsModule {
    /// The same for a host that a redirect leads to: neither is this side's certificate for it, nor is its name known.
    pub(crate) fn for_another(&self) -> Self {
        Self { server_name: None, cert_file: None, key_file: None, ..self.clone() }
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum TlsVersion {
    /// 1.0
    Tls10,
    /// 1.1
    Tls11,
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}
