//! `peerscope capabilities`: what this process may do here.

use peerscope_probes::{Capability, capabilities};
use serde::{Deserialize, Serialize};
use unicode_width::UnicodeWidthStr;

use crate::cli::{CapabilitiesArgs, Format};
use crate::escape::escape;
use crate::exit::{Failure, Status};
use crate::output::{print, print_json};
use crate::text::{Style, wrapped};

/// The document.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    version: &'static str,
    capabilities: Vec<CapabilityReport>,
}

/// A capability as documents show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CapabilityReport {
    name: String,
    available: bool,
    detail: String,
}

impl From<&Capability> for CapabilityReport {
    fn from(capability: &Capability) -> Self {
        Self {
            name: capability.name.to_string(),
            available: capability.available,
            detail: capability.detail.clone(),
        }
    }
}

/// Tries everything and says what was seen.
pub(crate) fn run(arguments: &CapabilitiesArgs, style: &Style) -> Result<Status, Failure> {
    let found = capabilities();
    match arguments.format {
        Format::Json => print_json(&Report {
            schema: "peerscope/capabilities/1",
            version: env!("CARGO_PKG_VERSION"),
            capabilities: found.iter().map(CapabilityReport::from).collect(),
        })?,
        Format::Text => print(&text(&found, style))?,
    }
    Ok(Status::Good)
}

fn text(found: &[Capability], style: &Style) -> String {
    let widest = found.iter().map(|capability| capability.name.width()).max().unwrap_or(0);
    let mut text = String::new();
    for capability in found {
        let name = format!("{:<widest$}", capability.name);
        // Coloured after wrapping, which would count the colours as columns.
        let (mark, coloured) =
            if capability.available { ("yes", style.good("yes")) } else { ("no ", style.bad("no ")) };
        let margin = " ".repeat(widest + 7);
        let first = format!("{name}  {mark}  ");
        let lines = wrapped(&escape(&capability.detail), style.width, &first, &margin);
        text.push_str(&lines.replacen(&first, &format!("{name}  {coloured}  "), 1));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_and_keeps_its_columns() {
        let capability =
            |name, available, detail: &str| Capability { name, available, detail: detail.to_string() };
        let found = [
            capability("udp", true, "a datagram over loopback was answered"),
            capability("icmp-echo-raw-socket", false, &"not permitted here, and said at length ".repeat(4)),
        ];
        let text = text(&found, &Style { width: 80, colour: false });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "udp                   yes  a datagram over loopback was answered");
        assert!(lines[1].starts_with("icmp-echo-raw-socket  no   not permitted"), "{text}");
        assert!(lines[2].starts_with(&" ".repeat(27)), "{text}");
        assert!(lines.iter().all(|line| line.width() <= 80), "{text}");
    }
}
