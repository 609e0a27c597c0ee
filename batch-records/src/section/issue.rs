//! Rows 1 to 4: product, lot, master recipe, issue.

use mes_core::{
    access::Subject,
    batch::BatchEvent,
    booking::BookingEvent,
    isa88::{OnViolation, Parameter, PhaseKind, RecipeEvent},
    journal::Event,
    quantity::Bilingual,
};

use crate::{
    document::{Block, Cell, Row, Section, column, field},
    source::Source,
    wording,
};

const DAY_S: i64 = 86_400;

/// Row 1.
pub(super) fn product(source: &Source) -> Section {
    let issued = source.issued();
    let header = &issued.recipe.header;
    let fields = vec![
        field("product", "製品コード", "Product code", Cell::text(header.product.as_str())),
        field("product_name", "製品名・規格", "Name and strength", Cell::bilingual(header.product_name.clone())),
        field("tenant", "委託者(入居者)", "Tenant", Cell::bilingual(issued.tenant.name.clone())),
        field("agreement", "取決め", "Quality agreement", Cell::text(issued.agreement.id.as_str())),
        field(
            "manufacturer",
            "製造者",
            "Manufacturer",
            Cell::bilingual(wording::manufacturer(issued.agreement.manufacturer)),
        ),
        field("permit", "許可番号", "Permit", Cell::text(issued.agreement.permit.clone())),
        field("facility", "施設", "Facility", Cell::bilingual(issued.facility.name.clone())),
    ];
    Section::new(1, vec![Block::Fields(fields)], Bilingual::default())
}

/// Row 2.
pub(super) fn lot(source: &Source) -> Section {
    let issued = source.issued();
    let header = &issued.recipe.header;
    let expiry = match (header.shelf_life_d, source.completed_at()) {
        (Some(days), Some(done)) => Cell::time(Some(done.plus_s(i64::from(days) * DAY_S))),
        (Some(days), None) => Cell::both(format!("製造完了から {days} 日"), format!("{days} days from completion")),
        (None, _) => Cell::both("マスターレシピに定めなし", "not set in the master recipe"),
    };
    let fields = vec![
        field("lot", "製造番号(ロット)", "Lot", Cell::text(issued.lot.clone())),
        field("batch", "バッチ", "Batch", Cell::text(issued.batch.as_str())),
        field("batch_size", "仕込量", "Batch size", Cell::bilingual(header.batch_size.clone())),
        field("expiry", "使用の期限", "Expiry", expiry),
        field("lifecycle", "現在の状態", "Standing", Cell::bilingual(wording::lifecycle(source.batch.lifecycle))),
    ];
    Section::new(2, vec![Block::Fields(fields)], Bilingual::default())
}

/// Row 3.
pub(super) fn recipe(source: &Source) -> Section {
    let issued = source.issued();
    let header = &issued.recipe.header;
    let fields = vec![
        field("recipe", "マスターレシピ", "Master recipe", Cell::text(format!("{} v{}", header.id, header.version))),
        field("title", "名称", "Title", Cell::bilingual(header.title.clone())),
        field("hash", "ハッシュ(SHA-256)", "Hash (SHA-256)", Cell::text(issued.recipe_hash.to_string())),
        field("author", "作成", "Author", Cell::text(source.name(&issued.approvals.author))),
        field(
            "production",
            "承認(製造部門)",
            "Approved, production",
            Cell::text(source.name(&issued.approvals.production)),
        ),
        field("quality", "承認(品質部門)", "Approved, quality", Cell::text(source.name(&issued.approvals.quality))),
        field(
            "master_file",
            "製品標準書",
            "Product master file",
            Cell::both("このシステムの記録の対象外", "not held in this system"),
        ),
    ];
    Section::new(3, vec![Block::Fields(fields), approvals(source), formula(source)], Bilingual::default())
}

fn approvals(source: &Source) -> Block {
    let rows = source.lines.iter().filter_map(|line| match &line.event {
        Some(Event::Recipe(RecipeEvent::Approved { signature, .. })) => Some(Row::of(
            line,
            vec![
                Cell::bilingual(wording::subject(&signature.subject)),
                Cell::text(signature.name.clone()),
                Cell::bilingual(wording::role(signature.role)),
                Cell::text(signature.at.shown_signed()),
                Cell::text(signature.statement_hash.short()),
            ],
        )),
        Some(Event::Recipe(RecipeEvent::Submitted { author, hash, .. })) => Some(Row::of(
            line,
            vec![
                Cell::both("作成・提出", "Authored and submitted"),
                Cell::text(source.name(author)),
                Cell::Empty,
                Cell::text(line.at().shown_signed()),
                Cell::text(hash.short()),
            ],
        )),
        _ => None,
    });
    Block::Table {
        key: "approvals",
        title: Some(Bilingual::new("承認の記録", "Approvals")),
        columns: vec![
            column("what", 30, "内容", "What"),
            column("name", 24, "氏名", "Name"),
            column("role", 18, "役割", "Role"),
            column("at", 28, "日時", "When"),
            column("hash", 14, "ハッシュ", "Hash"),
        ],
        rows: rows.collect(),
    }
}

fn formula(source: &Source) -> Block {
    let row = |parameter: &Parameter| {
        let target = parameter.target.map_or(Cell::Empty, |target| Cell::text(target.to_string()));
        let action = match parameter.on_violation {
            OnViolation::Deviation => Cell::both("逸脱", "Deviation"),
            OnViolation::Hold => Cell::both("逸脱・保留", "Deviation, hold"),
        };
        Row::new(vec![
            Cell::text(parameter.id.as_str()),
            Cell::bilingual(parameter.name.clone()),
            Cell::text(parameter.unit.shown()),
            target,
            Cell::text(parameter.normal.shown()),
            Cell::text(parameter.acceptable.shown()),
            action,
            parameter.expression.clone().map_or(Cell::Empty, Cell::text),
        ])
    };
    Block::Table {
        key: "formula",
        title: Some(Bilingual::new("処方(指図値・管理幅・許容範囲)", "Formula as issued")),
        columns: vec![
            column("id", 16, "項目", "Item"),
            column("name", 24, "名称", "Name"),
            column("unit", 9, "単位", "Unit"),
            column("target", 9, "目標", "Target"),
            column("normal", 14, "管理幅", "Normal"),
            column("acceptable", 14, "許容範囲", "Acceptable"),
            column("action", 14, "範囲外の処置", "If outside"),
            column("expression", 20, "計算式", "Calculation"),
        ],
        rows: source.recipe().formula.iter().map(row).collect(),
    }
}

/// What an event is called on the way from a booking to its issue; none for all others.
fn on_the_way(event: &Event) -> Option<(&'static str, &'static str)> {
    Some(match event {
        Event::Booking(BookingEvent::Requested { .. }) => ("仮予約", "Tentative booking"),
        Event::Booking(BookingEvent::Held { .. }) => ("仮予約の枠を確保", "Window held"),
        Event::Booking(BookingEvent::RiskAssessed { .. }) => ("同居のリスク評価", "Risk of co-location assessed"),
        Event::Booking(BookingEvent::Approved { .. }) => {
            ("予約を品質保証が承認", "Booking approved by quality assurance")
        }
        Event::Booking(BookingEvent::Moved { .. }) => ("計画により枠を移動", "Window moved by a plan"),
        Event::Booking(BookingEvent::MoveProposed { .. }) => {
            ("許容幅を超える枠変更を提案", "Move beyond the agreement proposed")
        }
        Event::Booking(BookingEvent::MoveAccepted { .. }) => {
            ("入居者が枠変更を承諾", "Proposed move accepted by the tenant")
        }
        Event::Booking(BookingEvent::MoveRefused { .. }) => {
            ("入居者が枠変更を拒否", "Proposed move refused by the tenant")
        }
        Event::Booking(BookingEvent::MoveLapsed { .. }) => ("枠変更案の期限切れ", "Proposed move lapsed"),
        Event::Booking(BookingEvent::MoveWithdrawn { .. }) => ("枠変更案を取下げ", "Proposed move withdrawn"),
        Event::Booking(BookingEvent::Confirmed { .. }) => ("予約確定", "Booking confirmed"),
        Event::Booking(BookingEvent::BatchIssued { .. }) => ("製造指図に移行", "Batch issued for it"),
        Event::Batch(BatchEvent::Issued { .. }) => ("製造指図の発行", "Batch issued"),
        _ => return None,
    })
}

/// Row 4.
pub(super) fn order(source: &Source) -> Section {
    let issued = source.issued();
    let signed = source.batch.signatures.iter().find(|(signature, _)| signature.subject == Subject::Issue);
    let by = source.batch.issued_by.as_ref().map(|person| source.name(person));
    let fields = vec![
        field("issued_by", "指図者", "Issued by", by.map_or(Cell::Empty, Cell::text)),
        field("issued_at", "指図日時", "Issued at", Cell::time(Some(source.batch.issued_at))),
        field(
            "signature",
            "指図者の署名",
            "Issuer's signature",
            signed.map_or_else(
                || Cell::both("発行エントリーによる", "by the issuing entry"),
                |(signature, _)| Cell::text(format!("{} {}", signature.name, signature.at.shown_signed())),
            ),
        ),
        field("booking", "予約", "Booking", Cell::text(issued.booking.as_str())),
        field(
            "to",
            "作業者",
            "To",
            Cell::lines(source.batch.production.iter().map(|p| Cell::text(source.name(p))).collect()),
        ),
        field(
            "phases",
            "指図工程数",
            "Steps instructed",
            Cell::text(
                source.phases().filter(|phase| !matches!(phase.kind, PhaseKind::Calculate { .. })).count().to_string(),
            ),
        ),
    ];
    let rows = source.lines.iter().filter_map(|line| {
        let (ja, en) = on_the_way(line.event.as_ref()?)?;
        Some(Row::of(line, vec![Cell::both(ja, en), line.actor(), Cell::time(Some(line.at()))]))
    });
    let table = Block::Table {
        key: "order",
        title: Some(Bilingual::new("予約から指図まで", "From booking to issue")),
        columns: vec![
            column("what", 30, "内容", "What"),
            column("by", 30, "氏名", "By"),
            column("at", 30, "日時", "When"),
        ],
        rows: rows.collect(),
    };
    Section::new(4, vec![Block::Fields(fields), table], Bilingual::default())
}
