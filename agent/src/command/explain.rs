//! `peerscope explain`: the table of causes for people.

use std::fmt::Write;

use peerscope_analysis::cause::{CAUSES, Cause, CauseCode};
use serde_json::json;

use crate::cli::{ExplainArgs, Format};
use crate::escape::escape;
use crate::exit::{Failure, Status};
use crate::output::{print, print_json};
use crate::text::{Style, wrapped};

/// Explains one code, or lists all.
pub(crate) fn run(arguments: &ExplainArgs, style: &Style) -> Result<Status, Failure> {
    let causes: Vec<&Cause> = match &arguments.code {
        None => CAUSES.iter().collect(),
        Some(name) => vec![find(name)?.cause()],
    };
    if arguments.format == Format::Json {
        print_json(
            &json!({ "schema": "peerscope/causes/1", "causes": causes.iter().map(|cause| as_json(cause)).collect::<Vec<_>>() }),
        )?;
        return Ok(Status::Good);
    }
    let mut text = String::new();
    let single = arguments.code.is_some();
    for cause in causes {
        if single {
            describe(&mut text, cause, style);
        } else {
            let _ = writeln!(text, "{}", style.strong(cause.name));
            text.push_str(&wrapped(cause.meaning, style.width, "  ", "  "));
        }
    }
    print(&text)?;
    Ok(Status::Good)
}

/// The code of a name, or the nearest names.
fn find(name: &str) -> Result<CauseCode, Failure> {
    CauseCode::from_name(name).ok_or_else(|| {
        let wanted = name.to_ascii_uppercase();
        let share =
            |cause: &&Cause| cause.name.split('_').any(|word| word.len() > 2 && wanted.contains(word));
        let near: Vec<&str> = CAUSES.iter().filter(share).map(|cause| cause.name).collect();
        let shown: String = escape(name).chars().take(48).collect();
        let near = if near.is_empty() { "see `peerscope explain`".to_string() } else { near.join(", ") };
        Failure::usage(format!("CODE: {shown:?} is no cause; expected one of the table: {near}"))
    })
}

fn describe(text: &mut String, cause: &Cause, style: &Style) {
    let _ = writeln!(text, "{}", style.strong(cause.name));
    text.push_str(&wrapped(cause.meaning, style.width, "  ", "  "));
    text.push('\n');
    for (label, words) in [("Shown by", cause.evidence), ("Mended by", cause.fix)] {
        text.push_str(&wrapped(words, style.width, &format!("{label:<10}"), "          "));
    }
    let lies = format!("a {}", cause.component.words());
    text.push_str(&wrapped(&lies, style.width, "Lies in   ", "          "));
    if let Some(code) = cause.aws_code {
        text.push_str(&wrapped(
            &format!("{code} (Reachability Analyzer)"),
            style.width,
            "In AWS    ",
            "          ",
        ));
    }
}

fn as_json(cause: &Cause) -> serde_json::Value {
    json!({
        "code": cause.name,
        "aws_code": cause.aws_code,
        "component_type": cause.component,
        "meaning": cause.meaning,
        "evidence": cause.evidence,
        "fix": cause.fix,
    })
}
