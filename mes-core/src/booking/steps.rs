//! The signed steps from a tentative booking to a confirmed one: risk assessment, quality's approval, confirmation (BKG-02).
//!
//! Each step is signed once for all batches of a request, and entered in the stream of each.

use crate::{
    access::{Actor, REAUTH_MAX_MS, Rejection, Signature, Statement, Subject},
    booking::{
        Booking, BookingContext, BookingEvent, BookingSignature, BookingState, BookingStep, RiskAssessment,
        booking_statement,
        decide::Events,
        judge::{agreed, conflict, fits, in_time},
        risk::{not_approved, not_assessed},
    },
    id::BookingId,
};

/// The tentative bookings of the request that the context is about, still within their time.
pub(super) fn open<'a>(ctx: &BookingContext<'a>) -> Result<Vec<(&'a BookingId, &'a Booking)>, Rejection> {
    let of: Vec<_> = ctx.bookings.iter().filter(|(id, booking)| booking.of_request(id, ctx.booking)).collect();
    if of.is_empty() {
        return Err(Rejection::not_found());
    }
    let tentative: Vec<_> = of.into_iter().filter(|(_, booking)| booking.state == BookingState::Requested).collect();
    if tentative.is_empty() {
        return Err(not_open());
    }
    if tentative.iter().any(|(_, booking)| booking.lapsed(ctx.now)) {
        return Err(Rejection::new(
            "BKG-02",
            "仮予約の期限が過ぎ、枠は空きに戻りました。もう一度見積りを取ってください。",
            "The time of this tentative booking is over and its window is free again. Ask for a new quote.",
        ));
    }
    Ok(tentative)
}

/// It was dealt with already.
pub(super) fn not_open() -> Rejection {
    Rejection::new(
        "BKG-02",
        "この予約は既に処理済みです。画面を更新して状態を確認してください。",
        "This booking was dealt with already. Look at it again.",
    )
}

pub(super) fn assess(
    assessment: &RiskAssessment,
    text: Option<&str>,
    sign: &BookingSignature,
    ctx: &BookingContext<'_>,
) -> Result<Events, Rejection> {
    let open = open(ctx)?;
    for (_, booking) in &open {
        let (_, master, _) = agreed(&booking.recipe, booking.version, ctx)?;
        assessment.check(booking, master.body.header.viral)?;
    }
    if text.is_none_or(|text| text.trim().is_empty()) {
        return Err(Rejection::new(
            "BKG-02",
            "評価の根拠と管理策を記入してください。",
            "Write the grounds of the assessment and its measures.",
        )
        .about("text"));
    }
    let step = BookingStep::RiskAssessment;
    let signature = signed(step, &open, Some((assessment, text)), sign, ctx)?;
    let event = |(id, _): (&BookingId, &Booking)| {
        let event = BookingEvent::RiskAssessed {
            booking: id.clone(),
            assessment: assessment.clone(),
            signature: signature.clone(),
            text: text.map(str::to_owned),
        };
        (id.clone(), event)
    };
    Ok(open.into_iter().map(event).collect())
}

pub(super) fn approve(sign: &BookingSignature, ctx: &BookingContext<'_>) -> Result<Events, Rejection> {
    let open = open(ctx)?;
    for (_, booking) in &open {
        let assessed = booking.assessed.as_ref().ok_or_else(not_assessed)?;
        if !assessed.assessment.acceptable {
            return Err(Rejection::new(
                "BKG-02",
                "リスク評価の結論が「受入不可」です。断るか、評価をやり直してください。",
                "The risk was concluded not to be acceptable. Refuse the booking, or have it assessed again.",
            ));
        }
        if ctx.who.actor.person() == Some(&assessed.signature.statement.signer) {
            return Err(Rejection::new(
                "SOD-02",
                "リスク評価に署名した人は承認できません。別の人が承認してください。",
                "Who signed the risk assessment cannot approve it. Another person has to.",
            ));
        }
    }
    let signature = signed(BookingStep::Approval, &open, None, sign, ctx)?;
    let event = |(id, _): (&BookingId, &Booking)| {
        (id.clone(), BookingEvent::Approved { booking: id.clone(), signature: signature.clone() })
    };
    Ok(open.into_iter().map(event).collect())
}

pub(super) fn confirm(sign: &BookingSignature, ctx: &BookingContext<'_>) -> Result<Events, Rejection> {
    let open = open(ctx)?;
    for (id, booking) in &open {
        if booking.approval.is_none() {
            return Err(if booking.assessed.is_none() { not_assessed() } else { not_approved() });
        }
        let (_, master, agreement) = agreed(&booking.recipe, booking.version, ctx)?;
        in_time(&booking.window, ctx)?;
        fits(&booking.window, master, agreement, ctx)?;
        if let Some((other, what)) = conflict(id, &booking.window, ctx) {
            return Err(Rejection::new(
                "SCH-02",
                format!("{what} は予約 {other} と重なります。どちらかを断るか、変更してください。"),
                format!("{what} overlaps with booking {other}. Refuse or change one of them."),
            ));
        }
    }
    let signature = signed(BookingStep::Confirmation, &open, None, sign, ctx)?;
    let by = &signature.statement.signer;
    let event = |(id, _): (&BookingId, &Booking)| {
        let event = BookingEvent::Confirmed { booking: id.clone(), by: by.clone(), signature: Some(signature.clone()) };
        (id.clone(), event)
    };
    Ok(open.into_iter().map(event).collect())
}

/// The signature, once the credential is the person's own and what was shown is what is there.
pub(super) fn signed(
    step: BookingStep,
    bookings: &[(&BookingId, &Booking)],
    drafted: Option<(&RiskAssessment, Option<&str>)>,
    sign: &BookingSignature,
    ctx: &BookingContext<'_>,
) -> Result<Signature, Rejection> {
    let Actor::Person { id: person, name, role: Some(role) } = &ctx.who.actor else {
        return Err(Rejection::not_found());
    };
    if !ctx.signer.is_some_and(|check| check.person == *person && check.age_ms <= REAUTH_MAX_MS) {
        return Err(Rejection::new(
            "P11-23",
            "本人の認証(60秒以内)が必要です。IDとパスワードを入力してください。",
            "The person's own credential, not older than 60 s, is needed. Enter user id and password.",
        ));
    }
    let shown: Statement = booking_statement(step, bookings, drafted, person, (sign.shown_at, sign.language))?;
    let statement_hash = shown.hash()?;
    if statement_hash != sign.statement {
        return Err(Rejection::new(
            "P11-19",
            "表示後に予約の内容が変わりました。読み直してから署名してください。",
            "The booking changed since it was shown. Read it again, then sign.",
        ));
    }
    Ok(Signature {
        id: sign.signature.clone(),
        subject: Subject::Booking(ctx.booking.clone(), step),
        statement: shown,
        statement_hash,
        name: name.clone(),
        role: *role,
        at: ctx.now,
        method: ctx.who.auth,
    })
}
