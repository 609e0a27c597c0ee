//! Measurement noise that depends on seed, channel and facility second only, so that a replay shows the same values.

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}

/// Between 0 and 1, the same for the same seed and number.
pub(super) fn uniform(seed: u64, number: u64) -> f64 {
    let bits = mix(seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    f64::from(u32::try_from(bits >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

/// Nearly normal with mean 0 and deviation 1 (sum of four uniforms), never beyond 3.5.
pub(super) fn normal(seed: u64, channel: u64, at_ms: i64) -> f64 {
    let number = mix(at_ms.div_euclid(1000).unsigned_abs() ^ channel << 48);
    let sum: f64 = (0..4).map(|part| uniform(seed, number.wrapping_add(part))).sum();
    (sum - 2.0) * 3.0_f64.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_centred_of_unit_size_and_repeatable() {
        let all: Vec<f64> = (0..20_000).map(|s| normal(7, 3, s * 1000)).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.1, "{mean} {variance}");
        assert_eq!(normal(7, 3, 5000), normal(7, 3, 5999));
        assert_ne!(normal(7, 3, 5000), normal(8, 3, 5000));
    }
}
