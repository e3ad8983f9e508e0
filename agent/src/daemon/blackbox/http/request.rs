//! What is asked of whom: a request, and what becomes of it where a redirect leads on (RFC 9110, section 15.4).

use std::fs;
use std::io;
use std::path::Path;

use data_encoding::BASE64;
use ureq::http::Uri;

use super::super::super::configuration::Secret;
use super::super::super::configuration::modules::{HttpModule, TlsModule};

/// Headers that say how the request itself is sent, and so are not the module's.
const FRAMING: [&str; 4] = ["connection", "content-length", "transfer-encoding", "trailer"];

/// A request.
pub(super) struct Request<'a> {
    module: &'a HttpModule,
    pub(super) url: Uri,
    pub(super) method: String,
    /// Whether it goes to whom the module is for. What led away once may lead back to whatever it likes.
    is_own: bool,
    has_body: bool,
}

impl<'a> Request<'a> {
    /// The first.
    pub(super) fn of(module: &'a HttpModule, url: Uri) -> Self {
        let method = module.method.clone().filter(|method| !method.is_empty());
        Self {
            module,
            url,
            method: method.unwrap_or_else(|| "GET".to_string()),
            is_own: true,
            has_body: true,
        }
    }

    /// Becomes what a redirect of this status makes of it.
    pub(super) fn redirect(&mut self, status: u16, to: Uri) {
        if ![307, 308].contains(&status) {
            self.has_body = false;
            if !["GET", "HEAD"].contains(&self.method.as_str()) {
                self.method = "GET".to_string();
            }
        }
        let is_secured = |url: &Uri| url.scheme_str() == Some("https");
        let is_lowered = is_secured(&self.url) && !is_secured(&to);
        self.is_own = self.is_own && to.authority() == self.url.authority() && !is_lowered;
        self.url = to;
    }

    /// How TLS is spoken with whom it goes to.
    pub(super) fn tls(&self) -> TlsModule {
        if !self.is_own {
            return self.module.tls_config.for_another();
        }
        let mut tls = self.module.tls_config.clone();
        let mut headers = self.module.headers.iter();
        let host = headers.find(|(name, _)| name.eq_ignore_ascii_case("host"));
        tls.server_name = tls.server_name.or_else(|| host.map(|(_, value)| value.reveal().to_string()));
        tls
    }

    /// Its bytes.
    ///
    /// # Errors
    /// Where a file of the module cannot be read, or holds what no header can.
    pub(super) fn written(&self) -> io::Result<Vec<u8>> {
        let own = || self.module.headers.iter().filter(|(name, _)| self.is_sent(&name.to_ascii_lowercase()));
        let has = |wanted: &str| own().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let mut head = format!("{} {path} HTTP/1.1\r\n", self.method);
        if !has("host") {
            head += &format!("Host: {}\r\n", self.url.authority().map_or("", |authority| authority.as_str()));
        }
        if !has("user-agent") {
            head += concat!("User-Agent: peerscope/", env!("CARGO_PKG_VERSION"), "\r\n");
        }
        if self.is_own
            && !has("authorization")
            && let Some(value) = authorization(self.module)?
        {
            if value.chars().any(char::is_control) {
                return Err(io::Error::other("the credentials are none that a header can carry"));
            }
            head += &format!("Authorization: {value}\r\n");
        }
        for (name, value) in own() {
            head += &format!("{name}: {}\r\n", value.reveal());
        }
        let body = self.module.body.as_ref().filter(|_| self.has_body).map_or("", |body| &body.0);
        if !body.is_empty() || ["POST", "PUT", "PATCH"].contains(&self.method.as_str()) {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        Ok((head + "Connection: close\r\n\r\n" + body).into_bytes())
    }

    /// Whether a header of the module goes with it. What was meant for one host is not told to another that it leads to;
    /// but what says of which kind a body is goes where that goes, and nowhere else.
    fn is_sent(&self, name: &str) -> bool {
        if FRAMING.contains(&name) {
            return false;
        }
        if name.starts_with("content-") {
            return self.has_body && (self.is_own || self.module.body.is_some());
        }
        self.is_own
    }
}

/// What proves who asks.
fn authorization(module: &HttpModule) -> io::Result<Option<String>> {
    if let Some(basic) = &module.basic_auth {
        let password = either(basic.password.as_ref(), basic.password_file.as_deref())?;
        let both = format!("{}:{}", basic.username, password.unwrap_or_default());
        return Ok(Some(format!("Basic {}", BASE64.encode(both.as_bytes()))));
    }
    if let Some(given) = &module.authorization {
        let scheme = given.scheme.as_deref().map(str::trim).filter(|scheme| !scheme.is_empty());
        let credentials = either(given.credentials.as_ref(), given.credentials_file.as_deref())?;
        return Ok(credentials.map(|rest| format!("{} {rest}", scheme.unwrap_or("Bearer"))));
    }
    let token = either(module.bearer_token.as_ref(), module.bearer_token_file.as_deref())?;
    Ok(token.map(|token| format!("Bearer {token}")))
}

fn either(here: Option<&Secret>, file: Option<&Path>) -> io::Result<Option<String>> {
    let read = |file: &Path| {
        fs::read_to_string(file).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
    };
    let text = match (here, file) {
        (Some(secret), _) => Some(secret.reveal().to_string()),
        (None, Some(file)) => Some(read(file)?),
        (None, None) => None,
    };
    Ok(text.map(|text| text.trim().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(text: &str) -> HttpModule {
        serde_json::from_str(text).unwrap()
    }

    fn lines(request: &Request<'_>) -> Vec<String> {
        String::from_utf8(request.written().unwrap()).unwrap().split("\r\n").map(str::to_string).collect()
    }

    fn url(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn a_redirect_keeps_a_body_or_becomes_a_get_without_one() {
        let module =
            module(r#"{"method": "PUT", "body": "hello", "headers": {"Content-Type": "text/plain"}}"#);
        for (status, method, has_body) in [
            (301, "GET", false),
            (302, "GET", false),
            (303, "GET", false),
            (307, "PUT", true),
            (308, "PUT", true),
        ] {
            let mut request = Request::of(&module, url("http://a.example/"));
            request.redirect(status, url("http://b.example/x"));
            let lines = lines(&request);
            assert_eq!(lines[0], format!("{method} /x HTTP/1.1"), "{status}");
            assert_eq!(lines.last().is_some_and(|body| body == "hello"), has_body, "{status}");
            for header in ["Content-Type: text/plain", "Content-Length: 5"] {
                assert_eq!(lines.contains(&header.to_string()), has_body, "{status} {header}");
            }
            request.redirect(307, url("http://b.example/x"));
            assert_eq!(request.written().unwrap().ends_with(b"hello"), has_body, "what is dropped is gone");
        }
        let head = HttpModule { method: Some("HEAD".to_string()), body: None, ..module };
        let mut request = Request::of(&head, url("http://a.example/"));
        request.redirect(303, url("http://a.example/"));
        assert_eq!(request.method, "HEAD");
    }

    #[test]
    fn no_credentials_go_to_another_host_or_back_from_one_or_out_of_tls() {
        let module = module(
            r#"{"basic_auth": {"username": "u", "password": "hunter2"}, "headers": {"X-Key": "hunter2"},
                "tls_config": {"server_name": "db.example", "cert_file": "a", "key_file": "b"}}"#,
        );
        for (path, is_own) in [
            (&["https://a.example/x"][..], true),
            (&["https://a.example/x", "https://b.example/", "https://a.example/x"], false),
            (&["https://b.example/x"], false),
            (&["https://a.example:444/x"], false),
            (&["http://a.example/x"], false),
            (&["http://a.example/x", "https://a.example/x"], false),
        ] {
            let mut request = Request::of(&module, url("https://a.example/"));
            path.iter().for_each(|to| request.redirect(302, url(to)));
            let lines = lines(&request);
            for header in ["Authorization: Basic dTpodW50ZXIy", "X-Key: hunter2"] {
                assert_eq!(lines.contains(&header.to_string()), is_own, "{path:?} {header}");
            }
            assert_eq!(request.tls().cert_file.is_some(), is_own, "{path:?}");
        }
    }

    #[test]
    fn what_a_file_holds_stays_one_header() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let module = module(&format!(r#"{{"bearer_token_file": "{}"}}"#, file.path().display()));
        for (text, is_well) in [(" hunter2\n", true), ("hunter2\r\nX-Other: 1", false)] {
            fs::write(file.path(), text).unwrap();
            let request = Request::of(&module, url("http://a.example/"));
            assert_eq!(request.written().is_ok(), is_well);
            assert!(!is_well || lines(&request).contains(&"Authorization: Bearer hunter2".to_string()));
        }
    }
}
