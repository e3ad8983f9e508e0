//! What documents tell of a target that is a database or a load balancer: which interfaces its name means, and what is
//! wrong with it whatever the path does.
//!
//! All of it is beside the path: a database that is stopped, a port that nobody listens on or a group without a healthy
//! target were so when the snapshot was taken, and only packets show what they are now.

mod load_balancer;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::case::{Case, Question};
use super::lookup::Lookup;
use super::{naming, show};
use crate::cause::CauseCode;
use crate::report::{Finding, Gap, GapKind, Severity};
use crate::topology::{
    ComponentId, Database, Leads, Member, NetworkId, Service, ServiceKind, ServiceName, Topology,
};

/// The states of a database in which nothing answers, or soon nothing will (Amazon RDS User Guide, "Viewing Amazon RDS
/// DB instance status"; Amazon Aurora User Guide, "Viewing DB cluster status").
const DOWN: &[&str] = &[
    "creating",
    "deleting",
    "failed",
    "failing-over",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "insufficient-capacity",
    "rebooting",
    "restore-error",
    "starting",
    "stopped",
    "stopping",
    "storage-full",
];

/// A service, the name that leads to it, and whether that is what was asked for: else the address was.
struct Asked<'a> {
    service: &'a Service,
    name: &'a ServiceName,
    by_name: bool,
}

/// Everything that documents tell of the target's service.
pub(super) fn findings(case: &Case, topology: &Topology, question: &Question) -> Vec<Finding> {
    let Some(asked) = named(case, topology).or_else(|| at(topology, question)) else { return Vec::new() };
    let mut findings = Vec::new();
    if asked.by_name {
        findings.push(bound(case, topology, &asked));
        findings.extend(resolution(case, topology, question, &asked));
    }
    match &asked.service.kind {
        ServiceKind::Database(database) => {
            findings.extend(state(topology, &asked, database));
            findings.extend(port(case, topology, &asked, database));
        }
        ServiceKind::LoadBalancer(balancer) => {
            findings.extend(load_balancer::findings(case, topology, asked.service, balancer));
        }
    }
    findings
}

/// What nobody can tell of the interfaces of the service that was asked for.
pub(super) fn gap(case: &Case, topology: &Topology) -> Option<Gap> {
    let Asked { service, name, .. } = named(case, topology)?;
    if name.is_certain || name.interfaces.len() < 2 || case.lookup.is_some() {
        return None;
    }
    Some(Gap {
        kind: GapKind::Scope,
        what: format!("which of {} the name {} leads to", interfaces(name), name.name),
        reason: format!(
            "no document of AWS's says whose an interface of RDS is; all of these are where {} is",
            words(service)
        ),
        would_tell: "which of these addresses counts".to_string(),
    })
}

/// The service that the target's name, or one that it is an alias of, leads to.
fn named<'a>(case: &Case, topology: &'a Topology) -> Option<Asked<'a>> {
    let aliases = case.lookup.iter().flat_map(Lookup::aliases);
    let names = [case.target.host.as_str()].into_iter().chain(aliases);
    let (service, name) = names.into_iter().find_map(|name| topology.service_named(name))?;
    Some(Asked { service, name, by_name: true })
}

/// The service that owns the target's address.
fn at<'a>(topology: &'a Topology, question: &Question) -> Option<Asked<'a>> {
    let (_, target) = question.networks.as_ref()?;
    let interface = topology.interface_in(target, question.address)?;
    let (service, name) = topology.service_at(interface)?;
    Some(Asked { service, name, by_name: false })
}

/// A service in words: `the RDS instance orders`.
fn words(service: &Service) -> String {
    let kind = match &service.component {
        ComponentId::Database(_) => "the RDS instance",
        ComponentId::DatabaseCluster(_) => "the RDS cluster",
        _ => "the load balancer",
    };
    let name = service.ownership.name.clone().or_else(|| service.component.id());
    format!("{kind} {}", name.unwrap_or_default())
}

fn interfaces(name: &ServiceName) -> String {
    let all: Vec<&str> = name.interfaces.iter().map(|id| id.as_str()).collect();
    all.join(", ")
}

fn finding(
    topology: &Topology,
    service: &Service,
    rule: &str,
    severity: Severity,
    message: String,
) -> Finding {
    Finding {
        rule: rule.to_string(),
        severity,
        message,
        components: Vec::from([show::component(Some(topology), &service.component)]),
    }
}

/// Which interfaces the name means, and what that rests on.
fn bound(case: &Case, topology: &Topology, asked: &Asked<'_>) -> Finding {
    let Asked { service, name, .. } = asked;
    let is_balancer = matches!(service.kind, ServiceKind::LoadBalancer(_));
    let part = match name.member {
        Member::Whole => "",
        Member::Writer => ", the instance that writes",
        Member::Readers => ", the instances that read",
        Member::Chosen => ", instances that its owner chose",
    };
    let own = match (name.interfaces.len(), is_balancer) {
        (0, _) if !name.addresses.is_empty() => {
            let all: Vec<String> = name.addresses.iter().map(ToString::to_string).collect();
            format!("{}, by its own document; none of its interfaces is in the snapshot", all.join(", "))
        }
        (0, _) => "none of its interfaces is in the snapshot".to_string(),
        (_, true) => format!("{}, by what these interfaces are described as", interfaces(name)),
        (1, false) => {
            format!(
                "{}, the only interface of RDS where it may be, with its security groups",
                interfaces(name)
            )
        }
        (_, false) if name.is_certain => {
            format!("{}, each the only one where its instance may be", interfaces(name))
        }
        (_, false) => format!(
            "{}, all interfaces of RDS where it may be; which are its own no document tells, and each is asked about",
            interfaces(name)
        ),
    };
    let asked_dns = match case.lookup {
        Some(_) => "",
        None => " No DNS was asked.",
    };
    let mut found = finding(
        topology,
        service,
        "SERVICE_INTERFACES",
        Severity::Info,
        format!("{} is {}{part}: {own}.{asked_dns}", name.name, words(service)),
    );
    let of_name = name.interfaces.iter().cloned().map(ComponentId::NetworkInterface);
    found.components.extend(of_name.map(|id| show::component(Some(topology), &id)));
    found
}

/// To what the name leads for who asks where the source is, where that is not to its interfaces; or, where the DNS was
/// asked and it said something public, what documents tell of that.
fn resolution(case: &Case, topology: &Topology, question: &Question, asked: &Asked<'_>) -> Option<Finding> {
    let source = asker(case, topology, question)?;
    let (rule, name) = (CauseCode::ResolvesToPublicAddress.name(), &asked.name.name);
    let found = |rule: &str, severity: Severity, message: String| {
        Some(finding(topology, asked.service, rule, severity, message))
    };
    if case.lookup.is_some() {
        if !naming::is_public(case, question) {
            return None;
        }
        return match asked.service.leads(topology, &source) {
            Leads::Outside(why) => found(
                rule,
                Severity::Info,
                format!("That {name} leads to a public address is as the documents have it: {why}."),
            ),
            Leads::Inside(why) => found(
                CauseCode::ConfigurationDisagrees.name(),
                Severity::Warning,
                format!(
                    "By the documents {name} leads to a private address for who asks in {source} ({why}), and here it does not: another DNS server than Amazon's answered, or the snapshot is old."
                ),
            ),
            Leads::Unknown(_) => None,
        };
    }
    if let NetworkId::Vpc(vpc) = &source
        && topology.vpc(vpc).is_some_and(|vpc| vpc.dns.answers == Some(false))
    {
        return found(
            "VPC_DNS",
            Severity::Warning,
            format!(
                "{vpc} has DNS support switched off (enableDnsSupport): its Amazon DNS server answers nobody there, so {name} has an address only where another server knows it."
            ),
        );
    }
    match asked.service.leads(topology, &source) {
        Leads::Inside(_) => None,
        Leads::Outside(why) => found(
            rule,
            Severity::Warning,
            format!(
                "Who asks in {source} gets a public address for {name}: {why}. Packets to it leave over the internet, not over the peering; what is said here is of the private address."
            ),
        ),
        Leads::Unknown(what) => {
            // That a database is public makes it a question; else there is nothing to doubt.
            let ServiceKind::Database(Database { publicly_accessible: Some(true), .. }) = &asked.service.kind
            else {
                return None;
            };
            let message = format!(
                "{} is publicly accessible: who asks in {source} may get a public address for {name}, and then no peering carries the packets. The documents leave it open: {what}.",
                capitalised(&words(asked.service)),
            );
            found(rule, Severity::Info, message)
        }
    }
}

/// The network in which the name is asked for: the source's, where there is one that it can be.
fn asker(case: &Case, topology: &Topology, question: &Question) -> Option<NetworkId> {
    if let Some((source, _)) = &question.networks {
        return Some(source.clone());
    }
    if let Some(source) = &case.source.network {
        return Some(source.clone());
    }
    let first = case.source.ranges.first()?.first();
    match &topology.networks_of(first)[..] {
        [only] => Some(only.clone()),
        _ => None,
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// A database that does not serve.
fn state(topology: &Topology, asked: &Asked<'_>, database: &Database) -> Option<Finding> {
    let status = database.status.as_deref().filter(|status| *status != "available" && !status.is_empty())?;
    let (severity, consequence) = match DOWN.contains(&status) {
        true => (Severity::Warning, "nothing answers there while it is"),
        false => (Severity::Info, "it may answer all the same"),
    };
    let message = format!(
        "{} was {status} and not available when the snapshot was taken: {consequence}.",
        capitalised(&words(asked.service))
    );
    Some(finding(topology, asked.service, "DATABASE_NOT_AVAILABLE", severity, message))
}

/// A port that the database does not listen on.
fn port(case: &Case, topology: &Topology, asked: &Asked<'_>, database: &Database) -> Option<Finding> {
    let (own, given) = (database.port?, case.target.port?);
    if own == given {
        return None;
    }
    let message = format!(
        "{} listens on port {own}, and {given} was asked for: what the path lets through to {given} meets nobody.",
        capitalised(&words(asked.service))
    );
    Some(finding(topology, asked.service, "DATABASE_PORT", Severity::Warning, message))
}
