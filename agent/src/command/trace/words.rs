//! A trace for people: the answer first, then a line a hop.

use jiff::Timestamp;
use peerscope_analysis::diagnose::observation_report;

use super::sweep::{End, Reach, Sweep};
use super::{HopReport, Report};
use crate::command::probe::milliseconds;
use crate::escape::escape;
use crate::text::{Style, wrapped};

/// One sentence that says how it ended.
pub(super) fn summary(sweep: &Sweep, at: Timestamp) -> String {
    let heard = sweep.hops().filter_map(|(number, hop)| {
        let from = hop.seen?.outcome.icmp()?.from?;
        Some((number, from))
    });
    match sweep.end() {
        End::Reached(Reach::Hop(number)) if number.get() == 1 => {
            "The target answers, one hop away.".to_string()
        }
        End::Reached(Reach::Hop(number)) => format!("The target answers, {number} hops away."),
        End::Reached(Reach::Unlimited) => {
            "The target answers, behind more silent hops than were looked for.".to_string()
        }
        End::Stopped(number) => {
            let said = sweep.hops().find(|(hop, _)| *hop == number).and_then(|(_, hop)| hop.seen);
            let said = said.and_then(|seen| observation_report(&seen, at).reason).unwrap_or_default();
            format!("The path ends at hop {number}: {said}.")
        }
        End::Lost => match heard.last() {
            Some((number, from)) => {
                format!("The target did not answer; the last that did is hop {number}, {from}.")
            }
            None => "Nobody answered, neither a hop nor the target.".to_string(),
        },
        End::NothingSent => {
            let refused = sweep.refused_here().and_then(|seen| observation_report(seen, at).reason);
            format!("Nothing was sent: {}.", refused.unwrap_or_default())
        }
    }
}

/// The whole of it.
pub(super) fn text(report: &Report, style: &Style) -> String {
    let verdict = match report.end {
        "reached" => style.good("REACHED"),
        "nothing-sent" => style.doubtful("NOTHING SENT"),
        _ => style.bad("NOT REACHED"),
    };
    let port = report.target.port.map(|port| format!(" port {port}")).unwrap_or_default();
    let source = report.source.map(|source| format!("{source} → ")).unwrap_or_default();
    let name = escape(&report.target.host);
    let name =
        if report.target.host == report.address.to_string() { String::new() } else { format!(" ({name})") };
    let mut text = format!("{verdict}  ");
    let flow = format!("{source}{} {}{port}{name}", report.target.protocol, report.address);
    text.push_str(wrapped(&flow, style.width.saturating_sub(14), "", "  ").as_str());
    text.push_str(&wrapped(&report.summary, style.width, "", ""));
    if !report.hops.is_empty() {
        text.push('\n');
    }
    for hop in &report.hops {
        text.push_str(&line(hop, style));
    }
    text.push('\n');
    for note in &report.notes {
        text.push_str(&wrapped(note, style.width, "", ""));
    }
    text
}

fn line(hop: &HopReport, style: &Style) -> String {
    // The packet without a limit.
    let number = hop.hop.map_or("any".to_string(), |number| number.to_string());
    let Some(from) = hop.from else {
        let silent = if hop.result == "timeout" { "no answer" } else { hop.result };
        let asked = if hop.sent > 1 { format!(", asked {} times", hop.sent) } else { String::new() };
        let line = format!("{number:>4}  *  {silent}{asked}");
        return format!("{}\n", style.faint(&line));
    };
    let time = hop.rtt_seconds.map(milliseconds).unwrap_or_default();
    let said = match (hop.result, hop.is_target) {
        ("time_exceeded", _) => String::new(),
        (result, true) => format!("  {}", style.good(result)),
        (result, false) => format!("  {}", style.bad(result)),
    };
    format!("{number:>4}  {:<15}  {time:>9}{said}\n", from.to_string())
}
