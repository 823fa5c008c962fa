//! A number for what the library prints of a value, so that equal states are found again.

/// Whether the order of the elements of a list counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// It does.
    Matters,
    /// It does not: a question over a set is answered in any order.
    OfListsIsLost,
}

/// Scrambles a number (the finaliser of splitmix64).
#[must_use]
pub const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// A bracket that is open.
struct Open {
    bracket: u8,
    /// What stands before the bracket in its element.
    before: u64,
    /// The elements so far.
    sum: u64,
}

/// Returns a number for the text that `{:?}` gives: the same for two texts that differ in the order of
/// the entries of maps and sets.
pub(crate) fn digest(text: &str, order: Order) -> u64 {
    let mut open: Vec<Open> = Vec::new();
    let mut element = 0_u64;
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            element = step(element, byte);
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' | b'(' => {
                open.push(Open { bracket: byte, before: element, sum: 0 });
                element = 0;
            }
            b',' => {
                if let Some(innermost) = open.last_mut() {
                    innermost.sum = add(innermost, element, order);
                }
                element = 0;
            }
            b'}' | b']' | b')' => {
                if let Some(mut innermost) = open.pop() {
                    if element != 0 {
                        innermost.sum = add(&innermost, element, order);
                    }
                    element = mix(innermost.before ^ mix(innermost.sum).rotate_left(17));
                }
            }
            b' ' => {}
            byte => element = step(element, byte),
        }
    }
    mix(element)
}

fn add(open: &Open, element: u64, order: Order) -> u64 {
    match (open.bracket, order) {
        (b'{', _) | (b'[', Order::OfListsIsLost) => open.sum.wrapping_add(mix(element)),
        _ => mix(open.sum.rotate_left(9) ^ element),
    }
}

const fn step(element: u64, byte: u8) -> u64 {
    (element ^ byte as u64).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(23)
        ^ 0x51_7C_C1_B7_27_22_0A_95
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_a_map_is_lost_and_that_of_a_list_counts() {
        let of = |text| digest(text, Order::Matters);
        assert_eq!(of("A { x: {1: 2, 3: 4}, y: [1, 2] }"), of("A { x: {3: 4, 1: 2}, y: [1, 2] }"));
        assert_ne!(of("A { y: [1, 2] }"), of("A { y: [2, 1] }"));
        assert_ne!(of("A { y: [1, 2] }"), of("A { y: [1, 3] }"));
        assert_ne!(of(r#"{"a}": 1}"#), of(r#"{"a": 1}}"#));
        let lost = |text| digest(text, Order::OfListsIsLost);
        assert_eq!(lost("[A { x: 1 }, A { x: 2 }]"), lost("[A { x: 2 }, A { x: 1 }]"));
        assert_ne!(lost("[A { x: 1 }, A { x: 2 }]"), lost("[A { x: 2 }, A { x: 2 }]"));
    }
}
