//! Which API is asked, with which token.

use std::net::IpAddr;

use super::token::Token;

/// The address of the API and the token for it.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// Where the API is.
    pub(crate) base: Base,
    /// What opens it.
    pub(crate) token: Token,
}

impl Access {
    /// The access that this process's environment gives; nothing where it holds no token.
    ///
    /// # Errors
    /// What of the environment makes no sense, in one line.
    pub(crate) fn find() -> Result<Option<Self>, String> {
        Self::of(&|name| std::env::var(name).ok())
    }

    fn of(variable: &impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let base = Base::of(variable("HEROKU_HOST").as_deref())?;
        Ok(Token::find(variable, &base.host)?.map(|token| Self { base, token }))
    }
}

/// The address of an API, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    address: String,
    host: String,
    is_encrypted: bool,
}

impl Base {
    /// The address that `HEROKU_HOST` gives, as Heroku's command line reads it: a domain, before which `api.` is put,
    /// or a whole address.
    fn of(variable: Option<&str>) -> Result<Self, String> {
        let expected = |what: &str| {
            // Only the form is told: an address may hold a password.
            format!("HEROKU_HOST: expected a domain such as heroku.com, or https://HOST, found {what}")
        };
        let given = variable.map(str::trim).filter(|given| !given.is_empty()).unwrap_or("heroku.com");
        let (is_encrypted, authority) = match given.split_once("://") {
            Some(("https", rest)) => (true, rest.to_string()),
            Some(("http", rest)) => (false, rest.to_string()),
            Some(_) => return Err(expected("another scheme")),
            None => (true, format!("api.{given}")),
        };
        let authority = authority.strip_suffix('/').unwrap_or(&authority);
        let host = host_of(authority).ok_or_else(|| expected("no plain host"))?;
        let is_loopback =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if !is_encrypted && !is_loopback {
            return Err(expected("http:// to another machine, which would show the token to the network"));
        }
        let scheme = if is_encrypted { "https" } else { "http" };
        Ok(Self { address: format!("{scheme}://{authority}"), host: host.to_string(), is_encrypted })
    }

    /// The address.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Whether what goes there is encrypted; what is not stays on this machine.
    pub(super) fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Whether it is Heroku's own.
    pub(crate) fn is_heroku(&self) -> bool {
        self.address == "https://api.heroku.com"
    }
}

/// The host of `HOST` or `HOST:PORT`, without an IPv6 address's brackets.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port != 0);
    (!host.is_empty() && host.bytes().all(is_plain) && port.is_none_or(is_port)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_read_as_herokus_command_line_reads_it() {
        for (given, address, host) in [
            (None, "https://api.heroku.com", "api.heroku.com"),
            (Some(""), "https://api.heroku.com", "api.heroku.com"),
            (Some("example.com"), "https://api.example.com", "api.example.com"),
            (Some("https://api.example.com/"), "https://api.example.com", "api.example.com"),
            (Some("https://api.example.com:8443"), "https://api.example.com:8443", "api.example.com"),
            (Some("http://127.0.0.1:8080"), "http://127.0.0.1:8080", "127.0.0.1"),
            (Some("http://[::1]:8080"), "http://[::1]:8080", "::1"),
            (Some("http://localhost:8080"), "http://localhost:8080", "localhost"),
        ] {
            let base = Base::of(given).unwrap();
            assert_eq!((base.address(), &*base.host), (address, host), "{given:?}");
        }
    }

    #[test]
    fn a_token_never_travels_in_the_clear() {
        for given in [
            "http://api.heroku.com",
            "http://10.0.0.1:80",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "http://127.0.0.1:80@example.com",
            "https://user:not-to-be-shown@example.com",
            "https://example.com/not-to-be-shown",
            "https://example.com?x",
            "https://",
            "ftp://example.com",
            "https://example.com:0",
            "exa mple.com",
            "http://[::1",
        ] {
            let error = Base::of(Some(given)).unwrap_err();
            assert!(
                error.starts_with("HEROKU_HOST: expected a domain") && !error.contains("shown"),
                "{error}"
            );
        }
    }

    #[test]
    fn no_token_is_no_access() {
        assert!(Access::of(&|_| None).unwrap().is_none());
        let key = |name: &str| (name == "HEROKU_API_KEY").then(|| "not-to-be-shown".to_string());
        let access = Access::of(&key).unwrap().unwrap();
        assert!(access.base.is_heroku() && !format!("{access:?}").contains("shown"), "{access:?}");
    }
}
