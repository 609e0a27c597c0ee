//! Which registers are read together: few requests, within what the device can answer.
//!
//! The plan is made once per connection. It reads along unused registers up to `gap_max`, never across a boundary of
//! `no_cross`, and never more than `registers_max`; it does not find out by itself what a device can do.

use crate::template::{ModbusMap, ModbusPoint, Table};

/// One request for a run of registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Which table.
    pub table: Table,
    /// First register.
    pub start: u16,
    /// How many.
    pub count: u16,
    /// The tags in it: place in the template and offset from `start`.
    pub tags: Vec<(usize, usize)>,
}

/// Plans the requests for all points; `points` are (place in the template, point).
pub fn plan(points: &[(usize, &ModbusPoint)], map: &ModbusMap) -> Vec<Block> {
    let mut sorted: Vec<_> = points.to_vec();
    sorted.sort_by_key(|(tag, point)| (point.table, point.address, *tag));
    let mut blocks: Vec<Block> = Vec::new();
    for (tag, point) in sorted {
        let width = point.kind.registers();
        let end = u32::from(point.address) + u32::from(width);
        if let Some(block) = blocks.last_mut().filter(|block| fits(block, point, end, map)) {
            block.tags.push((tag, usize::from(point.address - block.start)));
            let count = end.saturating_sub(u32::from(block.start)).max(u32::from(block.count));
            block.count = u16::try_from(count).unwrap_or(u16::MAX);
        } else {
            blocks.push(Block { table: point.table, start: point.address, count: width, tags: vec![(tag, 0)] });
        }
    }
    blocks
}

fn fits(block: &Block, point: &ModbusPoint, end: u32, map: &ModbusMap) -> bool {
    let block_end = u32::from(block.start) + u32::from(block.count);
    let gap = u32::from(point.address).saturating_sub(block_end);
    block.table == point.table
        && gap <= u32::from(map.gap_max)
        && end - u32::from(block.start) <= u32::from(map.registers_max)
        && !map.no_cross.iter().any(|edge| (block.start + 1..).contains(edge) && u32::from(*edge) < end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::{ByteOrder, RegisterType, Templates, WordOrder};

    fn point(address: u16, wide: bool) -> ModbusPoint {
        ModbusPoint {
            table: Table::Holding,
            address,
            kind: if wide { RegisterType::F32 } else { RegisterType::U16 },
            word_order: WordOrder::HighFirst,
            byte_order: ByteOrder::Big,
            scale: 1.0,
            sentinel: None,
            bit: None,
        }
    }

    fn planned(points: &[ModbusPoint], map: &ModbusMap) -> Vec<Block> {
        plan(&points.iter().enumerate().collect::<Vec<_>>(), map)
    }

    #[test]
    fn neighbours_are_read_together_and_strangers_apart() {
        let map = ModbusMap { registers_max: 60, gap_max: 4, no_cross: vec![] };
        let blocks = planned(&[point(10, true), point(12, true), point(18, false), point(100, false)], &map);
        assert_eq!(
            blocks.iter().map(|b| (b.start, b.count, b.tags.len())).collect::<Vec<_>>(),
            [(10, 9, 3), (100, 1, 1)]
        );
    }

    #[test]
    fn a_boundary_and_the_largest_request_cut_a_block() {
        let map = ModbusMap { registers_max: 4, gap_max: 8, no_cross: vec![14] };
        let blocks =
            planned(&[point(10, true), point(12, true), point(14, true), point(16, true), point(18, true)], &map);
        assert_eq!(blocks.iter().map(|b| (b.start, b.count)).collect::<Vec<_>>(), [(10, 4), (14, 4), (18, 2)]);
    }

    #[test]
    fn the_incubator_needs_few_requests_for_its_ten_tags() {
        let templates = Templates::built_in().unwrap();
        let incubator = templates.get("co2-incubator").unwrap();
        let points: Vec<_> =
            incubator.tags.iter().enumerate().filter_map(|(i, tag)| Some((i, tag.modbus.as_ref()?))).collect();
        let blocks = plan(&points, incubator.modbus.as_ref().unwrap());
        assert_eq!(blocks.iter().map(|b| b.tags.len()).sum::<usize>(), 10);
        assert!(blocks.len() <= 5, "{blocks:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_tag_is_read_once_within_the_limits(
            points in prop::collection::vec((0u16..400, any::<bool>()), 1..40),
            registers_max in 2u16..125, gap_max in 0u16..20, no_cross in prop::collection::vec(0u16..400, 0..4),
        ) {
            let points: Vec<_> = points.into_iter().map(|(address, wide)| point(address, wide)).collect();
            let map = ModbusMap { registers_max, gap_max, no_cross };
            let blocks = planned(&points, &map);
            let mut seen: Vec<usize> = blocks.iter().flat_map(|b| b.tags.iter().map(|t| t.0)).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..points.len()).collect::<Vec<_>>());
            for block in &blocks {
                prop_assert!(block.count <= registers_max);
                for (tag, offset) in &block.tags {
                    let point = &points[*tag];
                    prop_assert_eq!(usize::from(block.start) + offset, usize::from(point.address));
                    prop_assert!(offset + usize::from(point.kind.registers()) <= usize::from(block.count));
                }
                // A value of two registers may itself lie across a boundary; a block of more may not.
                if block.tags.len() > 1 {
                    let inside = |edge: &u16| *edge > block.start && *edge < block.start + block.count;
                    let own = |edge: &u16| block.tags.iter().all(|(tag, _)| {
                        let p = &points[*tag]; *edge > p.address && *edge < p.address + p.kind.registers()
                    });
                    prop_assert!(!map.no_cross.iter().any(|edge| inside(edge) && !own(edge)));
                }
            }
        }
    }
}
