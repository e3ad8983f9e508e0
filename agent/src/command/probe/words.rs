//! The result of a run for people: a line for each target, what else is to be said under it, the sum at
//! the end.

use unicode_width::UnicodeWidthStr;

use super::{Report, SaidReport, TargetReport};
use crate::escape::escape;
use crate::text::{Style, wrapped};

/// The columns right of a target's name: answers, median, maximum, and the longest result.
const FIGURES: usize = 3 * 11 + 2 + 11;

/// How many addresses of a name are named.
const ADDRESSES_SHOWN: usize = 8;

pub(super) fn text(report: &Report, style: &Style) -> String {
    let names: Vec<String> = report.targets.iter().map(name).collect();
    let room = style.width.saturating_sub(FIGURES).max(16);
    let widest = names.iter().map(|name| name.width()).filter(|width| *width <= room).max().unwrap_or(6);
    let head = format!("{:<widest$}  {:>9}  {:>9}  {:>9}  RESULT", "TARGET", "ANSWERED", "MEDIAN", "MAX");
    let mut text = format!("{}\n", style.faint(&head));
    for (target, name) in report.targets.iter().zip(&names) {
        // A name that fits nowhere has a line of its own: cut off, it would be another's.
        let name = if name.width() > widest {
            text.push_str(&wrapped(name, style.width, "", "  "));
            ""
        } else {
            name
        };
        text.push_str(&line(target, name, widest, style));
        for note in notes(target) {
            text.push_str(&wrapped(&note, style.width, "  ", "  "));
        }
    }
    let answered = report.targets.iter().filter(|target| target.received > 0).count();
    let (all, totals) = (report.targets.len(), &report.totals);
    let sum = format!(
        "{answered} of {all} {} answered; {} sent, {} answered in {:.1} s",
        if all == 1 { "target" } else { "targets" },
        totals.sent,
        totals.received,
        totals.elapsed_seconds
    );
    let sum = if answered == all { style.good(&sum) } else { style.bad(&sum) };
    text.push_str(&format!("\n{sum}\n"));
    text
}

/// The target, and the address where that is not said by it.
fn name(target: &TargetReport) -> String {
    let shown = escape(&target.target).into_owned();
    match target.address {
        Some(address) if !shown.contains(&address.to_string()) => format!("{shown} ({address})"),
        _ => shown,
    }
}

fn line(target: &TargetReport, name: &str, widest: usize, style: &Style) -> String {
    let padding = " ".repeat(widest.saturating_sub(name.width()));
    let answered = format!("{:>9}", format!("{}/{}", target.received, target.sent));
    let answered = if target.received == 0 {
        style.bad(&answered)
    } else if target.received < target.sent {
        style.doubtful(&answered)
    } else {
        answered
    };
    let figures = match &target.rtt_seconds {
        Some(rtt) => [rtt.median, rtt.max].map(|seconds| format!("{:>9}", milliseconds(seconds))),
        None => ["        -"; 2].map(ToString::to_string),
    };
    let result = match target.results.len() {
        1 => target.results.keys().next().copied().unwrap_or_default(),
        _ => "mixed",
    };
    let [median, max] = figures;
    format!("{name}{padding}  {answered}  {median}  {max}  {result}\n")
}

/// What a person should know beside the figures.
fn notes(target: &TargetReport) -> Vec<String> {
    let mut notes = Vec::new();
    if target.results.len() > 1 {
        let results = target.results.iter().map(|(word, count)| format!("{word} {count}"));
        notes.push(results.collect::<Vec<_>>().join(", "));
    }
    if target.reason.is_none() {
        notes.extend(target.dns.iter().filter_map(said));
    }
    let spoken = target.handshake.as_ref().and_then(|spoken| spoken.summary.as_ref());
    if let (Some(spoken), None) = (spoken, &target.reason) {
        notes.push(escape(spoken).into_owned());
    }
    if let Some(reason) = &target.reason {
        notes.push(escape(reason).into_owned());
    }
    if target.late > 0 || target.duplicates > 0 {
        notes.push(format!("{} too late, {} twice", target.late, target.duplicates));
    }
    if target.limited {
        notes.push(
            "a MySQL: it gets three connects at the most, since more could have it block this host"
                .to_string(),
        );
    }
    notes
}

/// The addresses that a DNS server gave, with whom they are for and for how long they may be kept; else what it
/// did. That a name lacks one kind of address while it has the other is no news.
fn said(said: &SaidReport) -> Option<String> {
    let dns = said.dns.as_ref().filter(|dns| dns.said != Some("no-address"))?;
    if dns.addresses.is_empty() {
        return said.reason.as_ref().map(|reason| format!("{} {}", said.record_type, escape(reason)));
    }
    let named: Vec<String> = dns
        .addresses
        .iter()
        .take(ADDRESSES_SHOWN)
        .map(|one| format!("{} ({}, {} s)", one.address, one.scope.word(), one.ttl_seconds))
        .collect();
    let aliases: String = dns.aliases.iter().map(|alias| format!("{} → ", escape(alias))).collect();
    let more = (dns.count as usize).saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let took = milliseconds(dns.seconds);
    Some(format!("{} {aliases}{}{more}, after {took}", said.record_type, named.join(", ")))
}

/// `0.03 ms`, `12.4 ms`, `1.20 s`.
pub(crate) fn milliseconds(seconds: f64) -> String {
    let milliseconds = seconds * 1000.0;
    match milliseconds {
        ..10.0 => format!("{milliseconds:.2} ms"),
        ..1000.0 => format!("{milliseconds:.1} ms"),
        _ => format!("{seconds:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Totals;
    use super::*;

    #[test]
    fn the_table_fits_and_says_why() {
        let target = |target: &str, received, reason: Option<&str>| TargetReport {
            target: target.to_string(),
            address: Some([10, 100, 2, 20].into()),
            sent: 5,
            received,
            late: 1,
            duplicates: 0,
            results: BTreeMap::from([("connected", received), ("timeout", 5 - received)]),
            rtt_seconds: None,
            reason: reason.map(str::to_string),
            limited: false,
            dns: Vec::new(),
            handshake: None,
        };
        let report = Report {
            schema: "",
            version: "",
            at: jiff::Timestamp::UNIX_EPOCH,
            targets: vec![
                target("tcp://10.100.2.20:5432", 5, None),
                target("tcp://a-very-long-name.example.internal:5432", 0, Some("no answer in 1.0 s\u{1b}")),
            ],
            totals: Totals {
                sent: 10,
                received: 5,
                late: 2,
                duplicates: 0,
                elapsed_seconds: 4.0,
                engine: "connect",
            },
        };
        let text = text(&report, &Style { width: 80, colour: false });
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        assert!(text.contains("tcp://a-very-long-name.example.internal:5432 (10.100.2.20)\n"), "{text}");
        assert!(text.contains("  no answer in 1.0 s\\u{1b}\n"), "{text}");
        assert!(text.contains("  connected 0, timeout 5\n"), "{text}");
        assert!(text.ends_with("1 of 2 targets answered; 10 sent, 5 answered in 4.0 s\n"), "{text}");
    }

    #[test]
    fn times_are_said_with_what_can_be_read_of_them() {
        for (seconds, said) in [(0.000_031, "0.03 ms"), (0.0124, "12.4 ms"), (1.2, "1.20 s")] {
            assert_eq!(milliseconds(seconds), said);
        }
    }
}
