//! The only source of chance: a seed gives the same run on every machine.

/// SplitMix64 (Steele, Lea and Flood 2014), led by a tape of bytes as long as there is one.
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
    tape: std::vec::IntoIter<u8>,
}

impl Rng {
    /// A generator of its own for each seed.
    pub fn new(seed: u64) -> Rng {
        Rng {
            state: seed ^ 0x6c6f_6e67_7761_7665,
            tape: Vec::new().into_iter(),
        }
    }

    /// A generator whose first choices are what the bytes say, two to a choice.
    pub fn led_by(tape: &[u8]) -> Rng {
        Rng {
            tape: Vec::from(tape).into_iter(),
            ..Rng::new(tape.len() as u64)
        }
    }

    /// 64 even bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let z = z ^ (z >> 31);
        // The high bits decide what `below` gives.
        match (self.tape.next(), self.tape.next()) {
            (Some(a), Some(b)) => z >> 16 | u64::from(a) << 56 | u64::from(b) << 48,
            _ => z,
        }
    }

    /// 0 to `n` - 1; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// `low` to `high`, both included; `high` when it is the smaller.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low.min(high) + self.below(high.saturating_sub(low) as u64 + 1) as usize
    }

    /// True `per_mille` times in a thousand.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    /// One of them. `from` is not empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Any order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }

    /// An independent generator, so that one part's use of chance does not shift another's.
    pub fn fork(&mut self) -> Rng {
        Rng {
            state: self.bits(),
            tape: Vec::new().into_iter(),
        }
    }
}

/// A 64-bit digest of a message, eight bytes at a step.
pub fn digest(text: bool, bytes: &[u8]) -> u64 {
    const K: u64 = 0x9fb2_1c65_1e98_df25;
    let mut h = (bytes.len() as u64)
        .wrapping_mul(2)
        .wrapping_add(u64::from(text))
        .wrapping_mul(K);
    let mut words = bytes.chunks_exact(8);
    for w in &mut words {
        h = (h.rotate_left(29) ^ u64::from_le_bytes(w.try_into().expect("8 bytes")))
            .wrapping_mul(K);
    }
    for &b in words.remainder() {
        h = (h.rotate_left(29) ^ u64::from(b)).wrapping_mul(K);
    }
    h ^ (h >> 32)
}
