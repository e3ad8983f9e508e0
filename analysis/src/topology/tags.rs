//! What tags say of a resource: its name, and whose hand manages it.

use alloc::format;
use alloc::string::{String, ToString};

use peerscope_document::aws::Tag;

/// The value of the tag `Name`, where there is one that says something.
pub(super) fn name(tags: &[Tag]) -> Option<String> {
    value(tags, "Name").map(ToString::to_string)
}

/// The tool that manages the resource. CloudFormation always tags what it makes; Terraform does not by
/// itself, but its users' conventions do.
pub(super) fn managed_by(tags: &[Tag]) -> Option<String> {
    if let Some(stack) = value(tags, "aws:cloudformation:stack-name") {
        return Some(format!("CloudFormation stack {stack}"));
    }
    for tag in tags {
        let key = tag.key.to_ascii_lowercase();
        match key.as_str() {
            "managedby" | "managed-by" | "managed_by" | "manager" | "provisioner"
                if !tag.value.is_empty() =>
            {
                return Some(tag.value.clone());
            }
            "terraform" if !matches!(tag.value.to_ascii_lowercase().as_str(), "" | "false" | "no" | "0") => {
                return Some("Terraform".to_string());
            }
            _ => {}
        }
    }
    None
}

fn value<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key == key && !tag.value.is_empty()).map(|tag| tag.value.as_str())
}
