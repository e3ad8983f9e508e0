//! Whether this process runs in a dyno, and where.

use std::net::IpAddr;

/// What a dyno's environment says of itself. Every part of it is optional: an app may have DNS
/// discovery switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dyno {
    /// `web.1`, `run.9157` and so on.
    pub(crate) name: Option<String>,
    /// The dyno's address in the space.
    pub(crate) private_address: Option<IpAddr>,
}

impl Dyno {
    /// This dyno, by its environment; `None` elsewhere.
    pub(crate) fn here() -> Option<Self> {
        Self::from_environment(|name| std::env::var(name).ok())
    }

    /// Whether it was started for this one command, as by `heroku run`.
    pub(crate) fn is_one_off(&self) -> bool {
        self.name.as_deref().is_some_and(|name| name.starts_with("run."))
    }

    fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let name = variable("DYNO").filter(|name| !name.is_empty());
        let private_address = variable("HEROKU_PRIVATE_IP").and_then(|address| address.trim().parse().ok());
        (name.is_some() || private_address.is_some()).then_some(Self { name, private_address })
    }
}

#[cfg(test)]
mod tests {
    use super::Dyno;

    #[test]
    fn a_dyno_is_known_by_its_name_or_its_address() {
        let with = |pairs: &'static [(&str, &str)]| {
            Dyno::from_environment(move |name| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_string())
            })
        };
        assert_eq!(with(&[("HOME", "/app")]), None);
        assert_eq!(with(&[("DYNO", "")]), None);
        assert_eq!(with(&[("DYNO", "web.1")]).and_then(|dyno| dyno.name).as_deref(), Some("web.1"));
        for (name, is_one_off) in [("run.9157", true), ("web.1", false), ("runner.1", false), ("run", false)]
        {
            let dyno = Dyno { name: Some(name.to_string()), private_address: None };
            assert_eq!(dyno.is_one_off(), is_one_off, "{name}");
        }
        let dyno = with(&[("HEROKU_PRIVATE_IP", "10.0.139.183")]).unwrap();
        assert_eq!(dyno.private_address, Some("10.0.139.183".parse().unwrap()));
        assert_eq!(with(&[("HEROKU_PRIVATE_IP", "nonsense")]), None);
    }
}
