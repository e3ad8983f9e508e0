//! Every rule of a peering between a Heroku Private Space and a VPC, defined once.

mod table;

pub use table::{Input, Origin, RULES, Rule, RuleId};
