//! JSON as a feed of prices has it, for benches of compression.

/// So many bytes of it.
pub fn json(len: usize) -> Vec<u8> {
    let mut n = 0x9E37_79B9_7F4A_7C15u64;
    let mut below = |most: u64| {
        n = n.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        (n >> 33) % most
    };
    let mut text = String::from("{\"channel\":\"prices\",\"items\":[");
    while text.len() < len {
        let side = if below(2) == 0 { "buy" } else { "sell" };
        text += &format!(
            "{{\"id\":{},\"symbol\":\"S{:03}\",\"price\":{}.{:02},\"volume\":{},\"side\":\"{side}\"}},",
            below(100_000_000),
            below(500),
            below(1000),
            below(100),
            below(100_000)
        );
    }
    text.truncate(len);
    text.into_bytes()
}
