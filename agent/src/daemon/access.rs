//! Who may ask, and whether others can listen: basic authentication and TLS, by a file that exporters of Prometheus take.
//!
//! bcrypt is slow on purpose, and a scraper gives its password each second: it is asked beside the thread that serves, and
//! once for each pair that is right. What is remembered of such a pair is a keyed hash; nothing of a wrong one is.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64;
use hyper::header::{HeaderName, HeaderValue};
use ring::hmac;
use ring::rand::SystemRandom;
use rustls::ServerConfig;
use tokio::sync::Semaphore;

/// How many passwords are looked at in a time: whoever guesses must not take all processors from the probing.
const AT_A_TIME: usize = 2;
/// The longest name and password together; bcrypt looks at 72 bytes of a password.
const LONGEST: usize = 1024;
/// A hash of no password, of the cost that `htpasswd` has: an unknown name takes as long as a known one.
const NOBODY: &str = "$2b$10$peerscopehasnobodyherenobodyknowsapasswordofthishash.";

/// Who may ask, and how.
pub(crate) struct Access {
    /// How connections are encrypted; none where they are not.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Headers that every answer has.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Who may ask, with the bcrypt hash of each one's password; where nobody is named everybody may.
    users: BTreeMap<String, String>,
    /// The pairs that were right.
    verified: Mutex<Vec<hmac::Tag>>,
    key: Option<hmac::Key>,
    places: Arc<Semaphore>,
    /// The files that say so.
    pub(crate) files: Vec<PathBuf>,
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Access").field("is_encrypted", &self.tls.is_some()).finish_non_exhaustive()
    }
}

impl Default for Access {
    /// Everybody may ask, in the clear.
    fn default() -> Self {
        Self::new(None, Vec::new(), BTreeMap::new(), Vec::new())
    }
}

impl Access {
    /// By what files say.
    pub(crate) fn new(
        tls: Option<Arc<ServerConfig>>,
        headers: Vec<(HeaderName, HeaderValue)>,
        users: BTreeMap<String, String>,
        files: Vec<PathBuf>,
    ) -> Self {
        Self {
            tls,
            headers,
            users,
            verified: Mutex::default(),
            key: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok(),
            places: Arc::new(Semaphore::new(AT_A_TIME)),
            files,
        }
    }

    /// Whether what a request gives as `Authorization` is right.
    pub(crate) async fn admits(&self, authorization: Option<&HeaderValue>) -> bool {
        if self.users.is_empty() {
            return true;
        }
        let Some((name, password)) = authorization.and_then(pair) else { return false };
        let known = self.users.get(&name);
        let hash = known.map_or(NOBODY, String::as_str).to_string();
        // Another hash makes another pair; the lengths keep a name's end from being a password's beginning.
        let said = format!("{}:{name}{}:{hash}{password}", name.len(), hash.len());
        if known.is_some() && self.is_verified(said.as_bytes()) {
            return true;
        }
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return false };
        let checked = tokio::task::spawn_blocking(move || {
            // It is looked at to the end, even where whoever gave it has gone.
            let _place = place;
            bcrypt::verify(password, &hash).unwrap_or(false)
        });
        let is_right = checked.await.unwrap_or(false) && known.is_some();
        if is_right {
            self.remember(said.as_bytes());
        }
        is_right
    }

    fn is_verified(&self, said: &[u8]) -> bool {
        let Some(key) = &self.key else { return false };
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        // In constant time each.
        verified.iter().any(|tag| hmac::verify(key, said, tag.as_ref()).is_ok())
    }

    fn remember(&self, said: &[u8]) {
        let Some(key) = &self.key else { return };
        let tag = hmac::sign(key, said);
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        // Passwords that differ after 72 bytes are all right: they must not fill the memory.
        if verified.len() >= self.users.len() * 2 {
            verified.clear();
        }
        verified.push(tag);
    }
}

/// The name and the password of `Basic …` (RFC 7617).
fn pair(authorization: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > LONGEST * 4 / 3 {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(encoded.trim().as_bytes()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_string(), password.to_string()))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn given(text: &str) -> HeaderValue {
        HeaderValue::from_str(&format!("Basic {}", BASE64.encode(text.as_bytes()))).unwrap()
    }

    #[test]
    fn a_name_and_its_own_password_are_asked_for() {
        let [alice, bob] = ["wonder:land", ""].map(|password| bcrypt::hash(password, 5).unwrap());
        let users = BTreeMap::from([("alice".to_string(), alice), ("bob".to_string(), bob)]);
        let access = Access::new(None, Vec::new(), users, Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let admits = |header: Option<HeaderValue>| runtime.block_on(access.admits(header.as_ref()));
        for _ in 0..2 {
            assert!(admits(Some(given("alice:wonder:land"))));
            assert!(admits(Some(given("bob:"))));
            for wrong in ["alice:", "alice:wonderland", "bob:wonder:land", "eve:x", "alice", "", ":"] {
                assert!(!admits(Some(given(wrong))), "{wrong}");
            }
            for wrong in ["Basic", "Basic ", "Basic !", "Bearer YTpi", "basic /w=="] {
                assert!(!admits(Some(HeaderValue::from_static(wrong))), "{wrong}");
            }
            assert!(!admits(None));
        }
        assert!(runtime.block_on(Access::default().admits(None)));
    }

    #[test]
    fn a_pair_that_was_right_costs_nothing_again() {
        let hash = bcrypt::hash("x", 10).unwrap();
        let access = Access::new(None, Vec::new(), BTreeMap::from([("a".to_string(), hash)]), Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let took = |text: &str| {
            let begun = Instant::now();
            _ = runtime.block_on(access.admits(Some(&given(text))));
            begun.elapsed()
        };
        assert!(NOBODY.parse::<bcrypt::HashParts>().is_ok_and(|parts| parts.get_cost() == 10));
        let first = took("a:x");
        assert!((0..20).map(|_| took("a:x")).sum::<std::time::Duration>() < first, "{first:?}");
        // A wrong one is looked at each time, a name that nobody has as long as one that somebody has.
        assert!(took("a:y") > first / 4 && took("b:x") > first / 4);
        assert_eq!(access.verified.lock().unwrap().len(), 1);
    }
}
