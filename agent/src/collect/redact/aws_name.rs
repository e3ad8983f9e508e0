//! AWS's own names for what an owner named: ARNs, DNS names, descriptions of interfaces. The owner's part of each is
//! found here, so that it is replaced alike wherever it occurs and the rest, which tells what is what, stays.

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// AWS's, as it is.
    Kept(&'t str),
    /// An account's id.
    Account(&'t str),
    /// A name that its owner gave, and the word that it is replaced by.
    Named(&'static str, &'t str),
}

use Part::{Account, Kept, Named};

pub(super) const LOAD_BALANCER: &str = "load-balancer";
pub(super) const TARGET_GROUP: &str = "target-group";
pub(super) const DATABASE: &str = "database";
pub(super) const CLUSTER: &str = "cluster";

/// The parts of an ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`. What is none has none.
pub(super) fn of_arn(text: &str) -> Option<Vec<Part<'_>>> {
    let (head, resource) = split_after(text, ':', 5)?;
    let (place, account) = head.strip_suffix(':')?.rsplit_once(':')?;
    if !place.starts_with("arn:") {
        return None;
    }
    let mut parts = vec![Kept(place), Kept(":"), Account(account), Kept(":")];
    let (kind, rest) = resource.split_at(resource.find(['/', ':'])? + 1);
    parts.push(Kept(kind));
    let word = match kind {
        "loadbalancer/" | "listener/" => {
            let (balancer, rest) = rest.split_at(rest.find('/')? + 1);
            parts.push(Kept(balancer));
            parts.extend(name_and_rest(LOAD_BALANCER, rest));
            return Some(parts);
        }
        "targetgroup/" => {
            parts.extend(name_and_rest(TARGET_GROUP, rest));
            return Some(parts);
        }
        "db:" => DATABASE,
        "cluster:" => CLUSTER,
        _ => "resource",
    };
    parts.push(Named(word, rest));
    Some(parts)
}

/// The parts of what AWS writes of a load balancer's interface: `ELB net/NAME/ID`.
pub(super) fn of_description(text: &str) -> Option<Vec<Part<'_>>> {
    let kinds = ["ELB app/", "ELB net/", "ELB gwy/"];
    let kind = kinds.into_iter().find(|kind| text.starts_with(kind))?;
    let (kind, rest) = text.split_at(kind.len());
    Some([Kept(kind)].into_iter().chain(name_and_rest(LOAD_BALANCER, rest)).collect())
}

/// The parts of a DNS name: of AWS's own, service and Region stay (`us-east-1.rds.amazonaws.com`); what is before them
/// holds the owner's name and a mark of the account.
pub(super) fn of_dns_name(text: &str) -> Vec<Part<'_>> {
    const KEPT_LABELS: usize = 2;
    let known = [".amazonaws.com", ".amazonaws.com.cn"].into_iter().find_map(|end| text.strip_suffix(end));
    let Some(before) = known else { return vec![Named("host", text), Kept(".example.com")] };
    let kept = before.match_indices('.').rev().nth(KEPT_LABELS - 1).map_or(before.len(), |(at, _)| at);
    let (own, end) = text.split_at(kept);
    vec![Named("host", own), Kept(end)]
}

/// `NAME/REST`
fn name_and_rest<'t>(word: &'static str, text: &'t str) -> [Part<'t>; 2] {
    let (name, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
    [Named(word, name), Kept(rest)]
}

/// A text cut after a character's `count`th occurrence.
fn split_after(text: &str, character: char, count: usize) -> Option<(&str, &str)> {
    let (at, _) = text.match_indices(character).nth(count - 1)?;
    Some(text.split_at(at + character.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(parts: &[Part<'_>]) -> String {
        let one = |part: &Part<'_>| match part {
            Kept(text) => (*text).to_string(),
            Account(text) => format!("({text})"),
            Named(word, text) => format!("[{word} {text}]"),
        };
        parts.iter().map(one).collect()
    }

    #[test]
    fn what_an_owner_named_is_found_in_names_of_aws() {
        for (text, parts) in [
            (
                "arn:aws:rds:us-east-1:111122223333:db:orders",
                "arn:aws:rds:us-east-1:(111122223333):db:[database orders]",
            ),
            (
                "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/front/0123",
                "arn:aws:elasticloadbalancing:us-east-1:(111122223333):loadbalancer/net/[load-balancer front]/0123",
            ),
            (
                "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/front/0123/4567",
                "arn:aws:elasticloadbalancing:us-east-1:(111122223333):listener/app/[load-balancer front]/0123/4567",
            ),
            (
                "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/back/0123",
                "arn:aws:elasticloadbalancing:us-east-1:(111122223333):targetgroup/[target-group back]/0123",
            ),
            (
                "arn:aws:lambda:us-east-1:111122223333:function:orders:live",
                "arn:aws:lambda:us-east-1:(111122223333):function:[resource orders:live]",
            ),
        ] {
            assert_eq!(of_arn(text).as_deref().map(shown).as_deref(), Some(parts), "{text}");
        }
        for text in ["", "i-0123", "arn:aws:x", "a:b:c:d:e:f/g"] {
            assert_eq!(of_arn(text), None, "{text}");
        }
        for (text, parts) in
            [("ELB app/front/0123", Some("ELB app/[load-balancer front]/0123")), ("ELB front", None)]
        {
            assert_eq!(of_description(text).as_deref().map(shown).as_deref(), parts, "{text}");
        }
        for (text, parts) in [
            (
                "orders.c9akciq32.us-east-1.rds.amazonaws.com",
                "[host orders.c9akciq32].us-east-1.rds.amazonaws.com",
            ),
            ("front-0123.elb.us-east-1.amazonaws.com", "[host front-0123].elb.us-east-1.amazonaws.com"),
            (
                "internal-front-1.cn-north-1.elb.amazonaws.com.cn",
                "[host internal-front-1].cn-north-1.elb.amazonaws.com.cn",
            ),
            ("db.acme.example", "[host db.acme.example].example.com"),
            ("x.amazonaws.com", "[host x].amazonaws.com"),
        ] {
            assert_eq!(shown(&of_dns_name(text)), parts, "{text}");
        }
    }
}
