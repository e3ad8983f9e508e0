//! The commands that build a twin, fed with text.
//!
//! `ip` and `nft` are spoken to in their own readable language instead of netlink: what a twin is made of
//! can be printed, read and pasted by a person who doubts it, and a line that the kernel refuses is
//! named in the error.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::LaboratoryError;

/// Where the commands are.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) ip: PathBuf,
    pub(crate) nft: PathBuf,
    pub(crate) setpriv: PathBuf,
}

impl Tools {
    /// Looks for the commands in `PATH` and in the directories that an ordinary user's `PATH` lacks.
    pub(crate) fn find() -> Result<Self, LaboratoryError> {
        Ok(Self {
            ip: find("ip", "iproute2")?,
            nft: find("nft", "nftables")?,
            setpriv: find("setpriv", "util-linux")?,
        })
    }
}

fn find(tool: &'static str, package: &'static str) -> Result<PathBuf, LaboratoryError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|directory| directory.join(tool))
        .find(|candidate| candidate.is_file())
        .ok_or(LaboratoryError::ToolMissing { tool, package })
}

/// Runs `program` in the calling thread's namespaces, feeds it `input` and returns what it wrote to its
/// standard output.
///
/// # Errors
/// [`LaboratoryError::Command`] where it cannot be started or ends with an error, with the line of the
/// input that it named.
pub(crate) fn run(program: &Path, arguments: &[&str], input: &str) -> Result<String, LaboratoryError> {
    let name = || {
        let file = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
        format!("{file} {}", arguments.join(" "))
    };
    let system = |source| LaboratoryError::system(name(), source);
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(system)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that fails early closes its input; its own words say why, so they are read below.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(system)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(LaboratoryError::Command {
        command: name(),
        line: named_line(&stderr, input),
        stderr: first_lines(&stderr),
    })
}

/// `ip` says `Command failed -:12`, `nft` says `/dev/stdin:12:3-9: Error`.
fn named_line(stderr: &str, input: &str) -> Option<String> {
    let number = ["Command failed -:", "/dev/stdin:"].into_iter().find_map(|mark| {
        let rest = &stderr[stderr.find(mark)? + mark.len()..];
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    })?;
    input.lines().nth(number.checked_sub(1)?).map(|line| line.trim().chars().take(200).collect())
}

fn first_lines(stderr: &str) -> String {
    stderr
        .lines()
        .take(3)
        .map(|line| line.chars().take(200).collect::<String>())
        .collect::<Vec<_>>()
        .join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_line_is_named() {
        let input = "link set lo up\nlink set nowhere up\n";
        assert_eq!(
            named_line("Cannot find device \"nowhere\"\nCommand failed -:2\n", input).as_deref(),
            Some("link set nowhere up")
        );
        assert_eq!(named_line("/dev/stdin:1:1-4: Error: syntax error", "junk\n").as_deref(), Some("junk"));
        assert_eq!(named_line("no idea", input), None);
    }
}
