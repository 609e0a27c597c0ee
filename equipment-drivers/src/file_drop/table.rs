//! The cells of a CSV file, and where a label or a heading leads.

/// Most cells of a report that is read.
const CELLS_MAX: usize = 1 << 20;

/// The cells, row by row; rows may differ in length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cells(Vec<Vec<String>>);

impl Cells {
    /// Reads a file; quotes are understood, spaces around a cell do not count.
    pub(super) fn read(text: &str, delimiter: u8) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new();
        let reader = reader.has_headers(false).flexible(true).delimiter(delimiter).trim(csv::Trim::All);
        let (mut rows, mut count) = (Vec::new(), 0_usize);
        for record in reader.from_reader(text.as_bytes()).records() {
            let row: Vec<String> = record.map_err(|error| error.to_string())?.iter().map(str::to_owned).collect();
            count = count.saturating_add(row.len());
            if count > CELLS_MAX {
                return Err(format!("more than {CELLS_MAX} cells"));
            }
            rows.push(row);
        }
        Ok(Self(rows))
    }
    /// The cells to the right of those that read so; an empty one where the row ends.
    pub(super) fn right_of(&self, label: &str) -> Vec<&str> {
        let of_row = |row: &'_ Vec<String>| -> Vec<usize> {
            row.iter().enumerate().filter(|(_, cell)| *cell == label).map(|(at, _)| at + 1).collect()
        };
        let found = self.0.iter().flat_map(|row| of_row(row).into_iter().map(move |at| row.get(at)));
        found.map(|cell| cell.map_or("", String::as_str)).collect()
    }
    /// The last filled cells below the headings that read so; an empty one where nothing stands below.
    pub(super) fn last_below(&self, heading: &str) -> Vec<&str> {
        let mut found = Vec::new();
        for (index, row) in self.0.iter().enumerate() {
            for (at, _) in row.iter().enumerate().filter(|(_, cell)| *cell == heading) {
                let mut below = self.0.iter().skip(index + 1).filter_map(|row| row.get(at));
                found.push(below.rfind(|cell| !cell.is_empty()).map_or("", String::as_str));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_and_a_heading_lead_to_their_cells() {
        let cells = Cells::read("a;1\n\"x;y\"; 2 \nT;p\n5;6\n7\n;8\n", b';').unwrap();
        assert_eq!((cells.right_of("a"), cells.right_of("x;y"), cells.right_of("p")), (vec!["1"], vec!["2"], vec![""]));
        assert_eq!(
            (cells.last_below("T"), cells.last_below("p"), cells.last_below("q")),
            (vec!["7"], vec!["8"], vec![])
        );
        assert_eq!(cells.right_of("z"), Vec::<&str>::new());
    }
}
