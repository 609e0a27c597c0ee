//! The record as PDF/A-3 by Typst, with the data embedded.
//!
//! The markup stands in `templates/`; everything that an entry says reaches it as JSON and is never read as markup. Same
//! record, same bytes: document id and date come from the entries. Nothing is read from disk or network.

use std::sync::OnceLock;

use mes_core::journal::encode::EncodeError;
use typst::{
    Library, LibraryExt, World,
    diag::{FileError, FileResult},
    foundations::{Bytes, Datetime, Duration, Smart},
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
    text::{Font, FontBook},
    utils::LazyHash,
};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp as PdfTimestamp};

use crate::{
    export::{json, layout},
    record::{BatchRecord, RENDERER},
};

/// Name of the PDF in a package.
pub const PDF_NAME: &str = "record.pdf";
/// Where times are shown: minutes east of UTC.
const SHOWN_OFFSET_MIN: i32 = 540;

const TEMPLATES: [(&str, &str); 3] = [
    ("record.typ", include_str!("../../templates/record.typ")),
    ("cell.typ", include_str!("../../templates/cell.typ")),
    ("plot.typ", include_str!("../../templates/plot.typ")),
];
const FONTS: [&[u8]; 3] = [
    include_bytes!("../../fonts/BIZUDPGothic-Regular.ttf"),
    include_bytes!("../../fonts/BIZUDPGothic-Bold.ttf"),
    include_bytes!("../../fonts/DejaVuSans.ttf"),
];

/// Why a record could not be typeset.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// The data could not be written as JSON.
    #[error("the record's data cannot be written as JSON")]
    Data(#[source] EncodeError),
    /// The layout could not be written as JSON.
    #[error("the record's layout cannot be written as JSON")]
    Layout(#[source] serde_json::Error),
    /// The name of a file in memory is not a path.
    #[error("\"{0}\" is not a path")]
    Path(&'static str),
    /// Typst refused.
    #[error("typesetting failed at {step}: {said}")]
    Typst {
        /// `layout`, `standard` or `PDF/A-3`.
        step: &'static str,
        /// What Typst said.
        said: String,
    },
}

struct Fonts {
    list: Vec<Font>,
    book: LazyHash<FontBook>,
}

fn fonts() -> &'static Fonts {
    static FONTS_READ: OnceLock<Fonts> = OnceLock::new();
    FONTS_READ.get_or_init(|| {
        let list: Vec<Font> = FONTS.iter().filter_map(|bytes| Font::new(Bytes::new(*bytes), 0)).collect();
        let book = LazyHash::new(FontBook::from_fonts(&list));
        Fonts { list, book }
    })
}

/// Whether a character can be printed; a line break can. What steers without being seen (controls, joiners, changes of
/// direction) cannot: it could make a line read otherwise than it was written.
pub(crate) fn printable(c: char) -> bool {
    let unseen = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let covered = || fonts().list.iter().any(|font| font.info().coverage.contains(u32::from(c)));
    c == '\n' || (!c.is_control() && !unseen && covered())
}

/// Files in memory.
struct Memory {
    library: LazyHash<Library>,
    main: FileId,
    sources: Vec<Source>,
    files: Vec<(FileId, Bytes)>,
}

fn file_id(name: &'static str) -> Result<FileId, PdfError> {
    let path = VirtualPath::new(name).map_err(|_| PdfError::Path(name))?;
    Ok(RootedPath::new(VirtualRoot::Project, path).intern())
}

impl Memory {
    fn new(files: Vec<(&'static str, Vec<u8>)>) -> Result<Self, PdfError> {
        let sources = TEMPLATES.iter().map(|(name, text)| Ok(Source::new(file_id(name)?, (*text).to_owned())));
        let files = files.into_iter().map(|(name, bytes)| Ok((file_id(name)?, Bytes::new(bytes))));
        Ok(Self {
            library: LazyHash::new(Library::default()),
            main: file_id("record.typ")?,
            sources: sources.collect::<Result<_, PdfError>>()?,
            files: files.collect::<Result<_, PdfError>>()?,
        })
    }
}

impl World for Memory {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }
    fn book(&self) -> &LazyHash<FontBook> {
        &fonts().book
    }
    fn main(&self) -> FileId {
        self.main
    }
    fn source(&self, id: FileId) -> FileResult<Source> {
        self.sources.iter().find(|source| source.id() == id).cloned().ok_or(FileError::AccessDenied)
    }
    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.files.iter().find(|(known, _)| *known == id).map(|(_, bytes)| bytes.clone()).ok_or(FileError::AccessDenied)
    }
    fn font(&self, index: usize) -> Option<Font> {
        fonts().list.get(index).cloned()
    }
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

/// Renders a record. Takes about a second; call it where it may block.
///
/// # Errors
/// [`PdfError::Typst`] when the result would not conform to PDF/A-3a.
pub fn render(record: &BatchRecord) -> Result<Vec<u8>, PdfError> {
    let world = Memory::new(vec![
        ("layout.json", serde_json::to_vec(&layout::layout(record)).map_err(PdfError::Layout)?),
        ("record.json", json::record(record).map_err(PdfError::Data)?),
        ("audit-trail.json", json::audit_trail(record).map_err(PdfError::Data)?),
        ("audit-trail.csv", json::audit_csv(record).into_bytes()),
        ("trends.csv", record.trend_csv.clone().into_bytes()),
    ])?;
    let rendered = typeset(&world, record);
    comemo::evict(0);
    rendered
}

fn typeset(world: &Memory, record: &BatchRecord) -> Result<Vec<u8>, PdfError> {
    let failed = |step, said: Vec<String>| PdfError::Typst { step, said: said.join("; ") };
    let said = |list: &[typst::diag::SourceDiagnostic]| list.iter().map(|d| d.message.to_string()).collect::<Vec<_>>();
    let compiled = typst::compile::<PagedDocument>(world);
    let document = compiled.output.map_err(|list| failed("layout", said(&list)))?;
    if !compiled.warnings.is_empty() {
        return Err(failed("layout", said(&compiled.warnings)));
    }
    let standards =
        PdfStandards::new(&[PdfStandard::A_3a]).map_err(|e| failed("standard", vec![e.message().to_string()]))?;
    let head = &record.head;
    let options = PdfOptions {
        ident: Smart::Custom(format!("{} {} {} {} {RENDERER}", head.owner, head.batch, head.as_of, head.entries)),
        creator: Smart::Custom(Some(RENDERER.to_owned())),
        timestamp: date(head.as_of),
        page_ranges: None,
        standards,
        tagged: true,
        pretty: false,
    };
    typst_pdf::pdf(&document, &options).map_err(|list| failed("PDF/A-3", said(&list)))
}

/// The date of the newest entry, as it is shown.
fn date(at: mes_core::clock::Timestamp) -> Option<PdfTimestamp> {
    let shown = at.shown();
    let mut numbers = shown.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let year = numbers.next()?.parse().ok()?;
    let mut next = || numbers.next()?.parse::<u8>().ok();
    let date = Datetime::from_ymd_hms(year, next()?, next()?, next()?, next()?, next()?)?;
    PdfTimestamp::new_local(date, SHOWN_OFFSET_MIN)
}

#[cfg(test)]
mod tests {
    use typst::layout::{Frame, FrameItem};

    use super::*;

    /// The font that each character of a text is set in.
    fn faces(frame: &Frame, out: &mut Vec<(char, String)>) {
        for (_, item) in frame.items() {
            match item {
                FrameItem::Group(group) => faces(&group.frame, out),
                FrameItem::Text(text) => {
                    out.extend(text.text.chars().map(|c| (c, text.font.info().family.clone())));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn the_signs_for_at_least_and_at_most_do_not_come_from_the_font_that_swaps_them() {
        let mut world = Memory::new(Vec::new()).unwrap();
        let text = "#import \"cell.typ\": faces\n#set text(font: faces, fallback: false)\n≤ ≥ 保 ⁶ A";
        world.sources.retain(|source| source.id() != world.main);
        world.sources.push(Source::new(world.main, text.to_owned()));
        let document = typst::compile::<PagedDocument>(&world).output.unwrap();
        let mut found = Vec::new();
        document.pages().iter().for_each(|page| faces(&page.frame, &mut found));
        let face = |wanted: char| found.iter().find(|(c, _)| *c == wanted).map(|(_, face)| face.as_str());
        assert_eq!((face('≤'), face('≥'), face('⁶')), (Some("DejaVu Sans"), Some("DejaVu Sans"), Some("DejaVu Sans")));
        assert_eq!((face('保'), face('A')), (Some("BIZ UDPGothic"), Some("BIZ UDPGothic")));
    }

    #[test]
    fn what_no_font_has_is_known_and_three_fonts_are_read() {
        assert_eq!(fonts().list.len(), FONTS.len());
        assert!(printable('髙') && printable('₂') && printable('\n'));
        assert!(!['\u{1f9ec}', '\t', '\0', '\u{202e}', '\u{200b}'].into_iter().any(printable));
    }
}
