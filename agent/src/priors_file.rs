//! The file of `--priors`: how likely each cause of a silence is in an estate that somebody knows.
//!
//! ```toml
//! second_fault = 0.05              # where one thing is wrong, another is too that no document shows; 0 to 1
//!
//! [unconfigured]                   # where no snapshot tells of the path
//! NO_ROUTE_TO_DESTINATION = 0.5    # relative to the others of the table; what is not named stays
//! PEERING_MISSING = 0              # never
//!
//! [unexplained]                    # where the snapshot accounts for nothing
//! HOST_FIREWALL = 0.6
//!
//! [mixed]                          # where some source ports are answered and some are not
//! PACKET_LOSS = 0.8
//!
//! [stalled]                        # where a connection is taken, and nothing more is heard
//! PATH_MTU_BLACKHOLE = 0.6
//! ```

use std::path::Path;

use peerscope_analysis::cause::CauseCode;
use peerscope_analysis::diagnose::{Prior, Priors};
use toml::Spanned;
use toml::de::DeValue;

use crate::exit::Failure;
use crate::input_error::{InputError, Position};
use crate::input_file::{parse_toml, read_text};

/// The largest weight: beyond it the others would be nothing.
const LARGEST: f64 = 1e6;

/// Reads the weights of a file over peerscope's own.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub(crate) fn read(file: &Path) -> Result<Priors, Failure> {
    let text = read_text(file, "weights").map_err(|error| Failure::Input(vec![error]))?;
    parse(file, &text).map_err(Failure::Input)
}

fn parse(file: &Path, text: &str) -> Result<Priors, Vec<InputError>> {
    let (document, mut errors) = parse_toml(file, text);
    let mut priors = Priors::default();
    let mut wrong = |at: usize, place: &str, expected: String, found: &str| {
        let error = InputError::expected(file, expected, found).at(Position::of(text, at));
        errors.push(error.in_place(Some(place.to_string())));
    };
    for (name, value) in document.get_ref() {
        let place = name.get_ref().as_ref();
        if place == "second_fault" {
            match weight(value).filter(|share| *share <= 1.0) {
                Some(share) => priors.second_fault = share,
                None => {
                    wrong(value.span().start, place, "a number from 0 to 1".to_string(), "another value");
                }
            }
            continue;
        }
        let list = match place {
            "unconfigured" => &mut priors.unconfigured,
            "unexplained" => &mut priors.unexplained,
            "mixed" => &mut priors.mixed,
            "stalled" => &mut priors.stalled,
            _ => {
                let expected =
                    "second_fault, [unconfigured], [unexplained], [mixed] or [stalled]".to_string();
                wrong(name.span().start, place, expected, place);
                continue;
            }
        };
        let DeValue::Table(table) = value.get_ref() else {
            wrong(value.span().start, place, "a table of CODE = WEIGHT".to_string(), "another value");
            continue;
        };
        for (key, value) in table {
            let code = key.get_ref().as_ref();
            let known = CauseCode::from_name(code);
            let Some(prior) = list.iter_mut().find(|prior| Some(prior.code) == known) else {
                wrong(key.span().start, place, format!("one of {}", codes(list)), code);
                continue;
            };
            match weight(value) {
                Some(weight) => prior.weight = weight,
                None => wrong(
                    value.span().start,
                    &format!("{place}, {code}"),
                    format!("a number from 0 to {LARGEST}"),
                    "another value",
                ),
            }
        }
        if list.iter().all(|prior| prior.weight <= 0.0) {
            wrong(name.span().start, place, "some weight above 0".to_string(), "none");
        }
    }
    if errors.is_empty() { Ok(priors) } else { Err(errors) }
}

fn weight(value: &Spanned<DeValue<'_>>) -> Option<f64> {
    let weight: f64 = match value.get_ref() {
        DeValue::Float(number) => number.as_str().parse().ok()?,
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok()? as f64,
        _ => return None,
    };
    (0.0..=LARGEST).contains(&weight).then_some(weight)
}

fn codes(list: &[Prior]) -> String {
    list.iter().map(|prior| prior.code.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Priors, String> {
        let joined =
            |errors: Vec<InputError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        parse(Path::new("priors.toml"), text).map_err(joined)
    }

    fn weight_of(list: &[Prior], code: CauseCode) -> f64 {
        list.iter().find(|prior| prior.code == code).unwrap().weight
    }

    #[test]
    fn what_is_named_is_replaced_and_the_rest_stays() {
        let priors = read("[unconfigured]\nno_route_to_destination = 3\nPEERING_MISSING = 0.0\n").unwrap();
        let default = Priors::default();
        assert_eq!(weight_of(&priors.unconfigured, CauseCode::NoRouteToDestination), 3.0);
        assert_eq!(weight_of(&priors.unconfigured, CauseCode::PeeringMissing), 0.0);
        let stays = CauseCode::HostSilent;
        for (list, other) in
            [(&priors.unconfigured, &default.unconfigured), (&priors.unexplained, &default.unexplained)]
        {
            assert_eq!(weight_of(list, stays), weight_of(other, stays));
        }
    }

    #[test]
    fn how_often_two_things_go_wrong_together_is_a_share() {
        assert_eq!(read("").unwrap().second_fault, Priors::default().second_fault);
        assert_eq!(read("second_fault = 0\n[mixed]\nPACKET_LOSS = 1\n").unwrap().second_fault, 0.0);
        assert_eq!(read("second_fault = 0.3\n").unwrap().second_fault, 0.3);
        for wrong in ["1.5", "-0.1", "nan", "\"often\""] {
            let error = read(&format!("second_fault = {wrong}\n")).unwrap_err();
            assert!(error.contains("priors.toml:1:") && error.contains("from 0 to 1"), "{error}");
        }
    }

    #[test]
    fn every_error_has_its_place() {
        let text = "[unconfigured]\nPORT_CLOSED = 1\nHOST_SILENT = -2\nHOST_FIREWALL = \"much\"\n[else]\n";
        let errors = read(text).unwrap_err();
        assert_eq!(errors.lines().count(), 4, "{errors}");
        for (line, words) in [(2, "one of ENI_SG"), (3, "from 0 to"), (4, "from 0 to"), (5, "[unexplained]")]
        {
            let place = format!("priors.toml:{line}:");
            let said = errors.lines().any(|one| one.contains(&place) && one.contains(words));
            assert!(said, "{place} {words} in:\n{errors}");
        }
        assert!(read("[unexplained]\nHOST_SILENT = nan\n").is_err());
        assert!(read("[unexplained\n").unwrap_err().contains("no TOML"));
        let codes = ["HOST_SILENT", "HOST_FIREWALL", "HOST_OVERLOADED", "CONFIGURATION_DISAGREES"];
        let none = codes.map(|code| format!("{code} = 0\n")).concat();
        assert!(read(&format!("[unexplained]\n{none}")).unwrap_err().contains("some weight above 0"));
    }
}
