//! Which Region a document speaks of, where it does not say so itself.

use peerscope_document::id::Region;

/// The Region of an availability zone: `us-east-1a` is in `us-east-1`, the local zone
/// `us-west-2-lax-1a` in `us-west-2`. `None` where the text is no zone's name.
pub(super) fn of_availability_zone(zone: &str) -> Option<Region> {
    let mut end = 0;
    for (index, part) in zone.split('-').enumerate() {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            return (index >= 2).then(|| Region::from(&zone[..end + digits]));
        }
        end += part.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::of_availability_zone;

    #[test]
    fn the_region_is_the_zone_up_to_its_first_number() {
        for (zone, region) in [
            ("us-east-1a", Some("us-east-1")),
            ("eu-west-2c", Some("eu-west-2")),
            ("us-gov-west-1b", Some("us-gov-west-1")),
            ("us-west-2-lax-1a", Some("us-west-2")),
            ("ap-southeast-10a", Some("ap-southeast-10")),
            ("zone1", None),
            ("", None),
        ] {
            assert_eq!(of_availability_zone(zone).as_ref().map(|region| region.as_str()), region, "{zone}");
        }
    }
}
