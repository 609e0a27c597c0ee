//! Which registers and bits to read together: few requests, and none larger or wider than the device can answer.
//!
//! It reads along unused registers up to `gap_max`, never across a boundary of `no_cross`, and never more than the
//! device's maximum. A block that the device refuses is split by the client; nothing here asks a device.

use crate::template::{ModbusMap, ModbusPoint, Table};

/// One request for a run of registers or bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Which table.
    pub table: Table,
    /// First entry.
    pub start: u16,
    /// How many.
    pub count: u16,
    /// The tags in it, by address: place in the template and offset from `start`.
    pub tags: Vec<(usize, usize)>,
}

/// What holds for one table of a map.
struct Limits<'a> {
    entries_max: u32,
    gap_max: u32,
    no_cross: [&'a [u16]; 2],
    single: bool,
}

impl<'a> Limits<'a> {
    fn of(map: &'a ModbusMap, table: Table) -> Self {
        let own = map.tables.get(&table);
        let most = if table.is_bits() { map.bits_max } else { map.registers_max };
        Self {
            entries_max: u32::from(own.and_then(|own| own.entries_max).unwrap_or(most)),
            gap_max: u32::from(own.and_then(|own| own.gap_max).unwrap_or(map.gap_max)),
            no_cross: [&map.no_cross, own.map_or(&[], |own| &own.no_cross)],
            single: map.single || own.is_some_and(|own| own.single),
        }
    }

    /// Whether a request for `start..end` runs across a boundary.
    fn crosses(&self, start: u16, end: u32) -> bool {
        self.no_cross.iter().copied().flatten().any(|edge| *edge > start && u32::from(*edge) < end)
    }
}

/// Plans the requests for all points; `points` are (place in the template, point).
pub fn plan(points: &[(usize, &ModbusPoint)], map: &ModbusMap) -> Vec<Block> {
    let mut sorted: Vec<_> = points.to_vec();
    sorted.sort_by_key(|(tag, point)| (point.table, point.address, *tag));
    let mut blocks: Vec<Block> = Vec::new();
    let mut closed = true;
    for (tag, point) in sorted {
        let limits = Limits::of(map, point.table);
        let alone = limits.single || point.single;
        let end = u32::from(point.address) + u32::from(point.width());
        let open = if closed || alone { None } else { blocks.last_mut() };
        closed = alone;
        match open.filter(|block| fits(block, point, end, &limits)) {
            Some(block) => {
                block.tags.push((tag, usize::from(point.address - block.start)));
                let count = end.saturating_sub(u32::from(block.start)).max(u32::from(block.count));
                block.count = u16::try_from(count).unwrap_or(u16::MAX);
            }
            None => blocks.push(Block {
                table: point.table,
                start: point.address,
                count: point.width(),
                tags: vec![(tag, 0)],
            }),
        }
    }
    blocks
}

fn fits(block: &Block, point: &ModbusPoint, end: u32, limits: &Limits<'_>) -> bool {
    let block_end = u32::from(block.start) + u32::from(block.count);
    let gap = u32::from(point.address).saturating_sub(block_end);
    block.table == point.table
        && gap <= limits.gap_max
        && end.saturating_sub(u32::from(block.start)) <= limits.entries_max
        // A tag within a wider one that lies across a boundary is read by itself.
        && !limits.crosses(block.start, end.max(block_end))
}

/// The two halves of a block that the device refused; a block of one tag stays whole. `width` gives a tag's width.
pub fn split(block: &Block, width: impl Fn(usize) -> u16) -> Option<[Block; 2]> {
    let (first, second) = block.tags.split_at_checked(block.tags.len() / 2)?;
    let part = |tags: &[(usize, usize)]| {
        let offset = tags.first()?.1;
        let end = tags.iter().map(|(tag, at)| at + usize::from(width(*tag))).max()?;
        Some(Block {
            table: block.table,
            start: block.start.checked_add(u16::try_from(offset).ok()?)?,
            count: u16::try_from(end.checked_sub(offset)?).ok()?,
            tags: tags.iter().map(|(tag, at)| (*tag, at - offset)).collect(),
        })
    };
    Some([part(first)?, part(second)?])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::{RegisterType, TableMap, Templates};

    fn point(table: Table, address: u16, kind: RegisterType) -> ModbusPoint {
        let point: ModbusPoint = serde_saphyr::from_str("{ table: holding, address: 0, type: u16 }").unwrap();
        let kind = if table.is_bits() { RegisterType::Flag } else { kind };
        ModbusPoint { table, address, kind, ..point }
    }

    fn float(address: u16) -> ModbusPoint {
        point(Table::Holding, address, RegisterType::F32)
    }

    fn map(registers_max: u16, gap_max: u16, no_cross: &[u16]) -> ModbusMap {
        let map: ModbusMap = serde_saphyr::from_str(&format!("{{ registers_max: {registers_max} }}")).unwrap();
        ModbusMap { gap_max, no_cross: no_cross.to_vec(), ..map }
    }

    fn planned(points: &[ModbusPoint], map: &ModbusMap) -> Vec<Block> {
        plan(&points.iter().enumerate().collect::<Vec<_>>(), map)
    }

    fn shape(blocks: &[Block]) -> Vec<(u16, u16, usize)> {
        blocks.iter().map(|block| (block.start, block.count, block.tags.len())).collect()
    }

    #[test]
    fn neighbours_are_read_together_and_strangers_apart() {
        let odd = point(Table::Holding, 18, RegisterType::U16);
        let far = point(Table::Holding, 100, RegisterType::U16);
        let blocks = planned(&[float(10), float(12), odd, far], &map(60, 4, &[]));
        assert_eq!(shape(&blocks), [(10, 9, 3), (100, 1, 1)]);
    }

    #[test]
    fn a_boundary_and_the_largest_request_cut_a_block() {
        let points: Vec<_> = [10, 12, 14, 16, 18].into_iter().map(float).collect();
        assert_eq!(shape(&planned(&points, &map(4, 8, &[14]))), [(10, 4, 2), (14, 4, 2), (18, 2, 1)]);
    }

    #[test]
    fn each_table_has_its_own_limits_and_single_tags_stay_alone() {
        let coils: Vec<_> = (0..5).map(|address| point(Table::Coil, address, RegisterType::Flag)).collect();
        let mut limits = map(60, 4, &[]);
        limits.tables.insert(Table::Coil, TableMap { entries_max: Some(3), ..TableMap::default() });
        assert_eq!(shape(&planned(&coils, &limits)), [(0, 3, 3), (3, 2, 2)]);
        limits.tables.insert(Table::Holding, TableMap { single: true, ..TableMap::default() });
        assert_eq!(shape(&planned(&[float(0), float(2)], &limits)), [(0, 2, 1), (2, 2, 1)]);
        let alone = ModbusPoint { single: true, ..float(2) };
        assert_eq!(shape(&planned(&[float(0), alone, float(4)], &map(60, 4, &[]))), [(0, 2, 1), (2, 2, 1), (4, 2, 1)]);
    }

    #[test]
    fn a_tag_within_a_wider_one_across_a_boundary_is_read_by_itself() {
        let within = point(Table::Holding, 11, RegisterType::U16);
        let wide = point(Table::Holding, 10, RegisterType::I64);
        assert_eq!(shape(&planned(&[wide, within], &map(60, 4, &[12]))), [(10, 4, 1), (11, 1, 1)]);
    }

    #[test]
    fn a_refused_block_is_split_until_the_hole_is_alone() {
        let points = [float(0), float(2), float(9)];
        let blocks = planned(&points, &map(60, 8, &[]));
        assert_eq!(shape(&blocks), [(0, 11, 3)]);
        let [first, second] = split(&blocks[0], |tag| points[tag].width()).unwrap();
        assert_eq!(shape(&[first.clone(), second.clone()]), [(0, 2, 1), (2, 9, 2)]);
        let [third, fourth] = split(&second, |tag| points[tag].width()).unwrap();
        assert_eq!((third.start, third.count, fourth.start, fourth.count), (2, 2, 9, 2));
        assert_eq!(split(&fourth, |_| 2), None);
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

    const TABLES: [Table; 4] = [Table::Coil, Table::Discrete, Table::Holding, Table::Input];
    const KINDS: [RegisterType; 3] = [RegisterType::U16, RegisterType::F32, RegisterType::I64];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn every_tag_is_read_once_within_the_limits(
            points in prop::collection::vec((0..4usize, 0u16..400, 0..3usize, prop::bool::weighted(0.1)), 1..40),
            registers_max in 4u16..125, bits_max in 1u16..60, gap_max in 0u16..20,
            no_cross in prop::collection::vec(0u16..400, 0..4),
        ) {
            let points: Vec<_> = points.into_iter()
                .map(|(table, at, kind, single)| ModbusPoint { single, ..point(TABLES[table], at, KINDS[kind]) })
                .collect();
            let map = ModbusMap { bits_max, ..map(registers_max, gap_max, &no_cross) };
            let mut blocks = planned(&points, &map);
            // The same holds when every block is refused once.
            for _ in 0..2 {
                let mut seen: Vec<usize> = blocks.iter().flat_map(|b| b.tags.iter().map(|t| t.0)).collect();
                seen.sort_unstable();
                prop_assert_eq!(seen, (0..points.len()).collect::<Vec<_>>());
                for block in &blocks {
                    let most = if block.table.is_bits() { bits_max } else { registers_max };
                    prop_assert!(block.count <= most);
                    let mut end = 0;
                    for (tag, offset) in &block.tags {
                        let point = &points[*tag];
                        prop_assert_eq!(point.table, block.table);
                        prop_assert_eq!(usize::from(block.start) + offset, usize::from(point.address));
                        prop_assert!(offset + usize::from(point.width()) <= usize::from(block.count));
                        prop_assert!(offset.saturating_sub(end) <= usize::from(gap_max));
                        prop_assert!(!point.single || block.tags.len() == 1);
                        end = end.max(offset + usize::from(point.width()));
                    }
                    // A value of several registers may itself lie across a boundary; a block of more may not.
                    let inside = |edge: &u16| *edge > block.start && *edge < block.start + block.count;
                    prop_assert!(block.tags.len() == 1 || !no_cross.iter().any(inside));
                }
                blocks = blocks.iter()
                    .flat_map(|block| match split(block, |tag| points[tag].width()) {
                        Some(halves) => halves.to_vec(),
                        None => vec![block.clone()],
                    })
                    .collect();
            }
        }
    }
}
