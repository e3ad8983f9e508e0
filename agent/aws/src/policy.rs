//! The least that an identity needs, made of the list of calls, so that neither can drift from the other.

use std::fmt::Write;

use serde_json::json;

use crate::call::Call;

/// What the statement is called, in both forms.
const STATEMENT: &str = "PeerscopeReadsNetworks";

/// A policy document of IAM that permits exactly the calls that are made (AWS IAM user guide, "IAM JSON policy
/// elements reference"). EC2's Describe actions know no resources, so it is for all; `sts:GetCallerIdentity`, which is
/// called too, needs no permission.
#[must_use]
pub fn iam_policy() -> String {
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Sid": STATEMENT, "Effect": "Allow", "Action": actions(), "Resource": "*" }],
    });
    // A pretty printer of a value that was just made has nothing to fail on.
    serde_json::to_string_pretty(&policy).unwrap_or_default()
}

/// The same in Terraform's language.
#[must_use]
pub fn iam_policy_terraform() -> String {
    let mut text = String::new();
    let actions: String = actions().iter().fold(String::new(), |mut list, action| {
        _ = writeln!(list, "      \"{action}\",");
        list
    });
    // Writing to a String cannot fail.
    _ = write!(
        text,
        "data \"aws_iam_policy_document\" \"peerscope\" {{\n  statement {{\n    sid       = \"{STATEMENT}\"\n    \
         actions = [\n{actions}    ]\n    resources = [\"*\"]\n  }}\n}}\n\n\
         resource \"aws_iam_policy\" \"peerscope\" {{\n  name        = \"peerscope\"\n  \
         description = \"What peerscope reads of networks; it changes nothing\"\n  \
         policy      = data.aws_iam_policy_document.peerscope.json\n}}\n"
    );
    text
}

fn actions() -> Vec<String> {
    let mut actions: Vec<String> = Call::ALL.iter().map(Call::to_string).collect();
    actions.sort();
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_shows_what_is_printed() {
        let documentation = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/aws.md");
        let documentation = std::fs::read_to_string(documentation).unwrap();
        for form in [iam_policy(), iam_policy_terraform()] {
            assert!(documentation.contains(form.trim_end()), "expected in docs/aws.md:\n{form}");
        }
    }

    #[test]
    fn both_forms_permit_every_call_and_no_other() {
        let policy: serde_json::Value = serde_json::from_str(&iam_policy()).unwrap();
        let statement = &policy["Statement"][0];
        let listed: Vec<&str> =
            statement["Action"].as_array().unwrap().iter().map(|action| action.as_str().unwrap()).collect();
        assert_eq!(listed.len(), Call::ALL.len());
        assert!(Call::ALL.iter().all(|call| listed.contains(&call.to_string().as_str())));
        let terraform = iam_policy_terraform();
        let quoted: Vec<&str> =
            terraform.split('"').filter(|word| word.contains(":Describe") || word.contains(":Get")).collect();
        assert_eq!(quoted, listed);
    }
}
