// Bytes to alerts, one scanner per thread.
//
// In: a page that was taken apart, a chunk of JSON lines or a single payload, and the rules. Out: a batch: alerts in the order of the events,
// counts, and samples of what was wrong. Called by the Python face with the GIL released. Buffers are used again from
// call to call and shrink after a rare large event.
#pragma once

#include "batch.hpp"
#include "event_fill.hpp"
#include "event_time.hpp"
#include "numbering.hpp"
#include "page.hpp"
#include "rule_book.hpp"
#include "seen.hpp"
#include "string_kernel.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace fe {

class Scanner {
  public:
    Scanner(Numbering *numbering, uint64_t max_event_size, bool prefilter)
        : numbering_(numbering), max_event_size_(max_event_size), use_prefilter_(prefilter) {}

    void scan_page(const RuleBook &rules, const SplitPage &page, const uint8_t *body, size_t size,
                   const OriginFacts &origin, SeenSet *seen, uint64_t ticket, BatchData &batch) {
        begin(rules, origin, batch);
        batch.next_token = page.next_token;
        batch.has_token = page.has_token;
        batch.consumed = size;
        batch.counts.messages = page.messages.size();
        for (const Message &m : page.messages)
            if (m.timestamp_ms > batch.newest_ms) batch.newest_ms = m.timestamp_ms;
        choose_fresh(page, seen, ticket);
        for (const Message *m : fresh_) {
            if (!m->has_text) {
                ++batch.counts.malformed;
                continue;
            }
            if (batch.oldest_fresh_ms < 0 || m->timestamp_ms < batch.oldest_fresh_ms)
                batch.oldest_fresh_ms = m->timestamp_ms;
            batch.note_lateness(m->ingestion_ms - m->timestamp_ms);
            offset_ = static_cast<size_t>(m->text.data - reinterpret_cast<const char *>(body));
            scan_message(*m);
        }
        finish();
    }

    // Lines end with LF; one CR before it is dropped, empty lines are skipped. Without `last`, an unfinished line stays.
    void scan_lines(const RuleBook &rules, const uint8_t *chunk, size_t size, const OriginFacts &origin, bool last,
                    BatchData &batch) {
        begin(rules, origin, batch);
        const uint8_t *p = chunk, *end = chunk + size;
        while (p < end) {
            const void *found = std::memchr(p, '\n', static_cast<size_t>(end - p));
            const uint8_t *lf = static_cast<const uint8_t *>(found);
            if (!lf && !last) break;
            const uint8_t *stop = lf ? lf : end;
            size_t length = static_cast<size_t>(stop - p);
            if (length && p[length - 1] == '\r') --length;
            offset_ = static_cast<size_t>(p - chunk);
            if (length) {
                ++batch.counts.messages;
                scan_text(p, length, static_cast<size_t>(end - p));
            }
            p = lf ? lf + 1 : end;
        }
        batch.consumed = static_cast<size_t>(p - chunk);
        finish();
    }

    void scan_payload(const RuleBook &rules, const uint8_t *payload, size_t size, const OriginFacts &origin,
                      BatchData &batch) {
        begin(rules, origin, batch);
        batch.counts.messages = 1;
        offset_ = 0;
        scan_text(payload, size, size);
        batch.consumed = size;
        finish();
    }

  private:
    static constexpr size_t kKeepBytes = 1 << 20;
    static constexpr char kCutMark[] = "[Truncated...]";

    void begin(const RuleBook &rules, const OriginFacts &origin, BatchData &batch) {
        if (bound_ != rules.serial()) {
            context_.use(rules.rules());
            prefilter_ = Prefilter::State();
            bound_ = rules.serial();
        }
        rules_ = &rules;
        batch_ = &batch;
        event_ = EventView{};
        event_.origin = &origin;
        event_.hostname = rules.hostname();
        event_.plugin = rules.plugin();
    }

    void finish() {
        scratch_.shrink();
        if (text_size_ > kKeepBytes) {
            text_.reset();
            text_size_ = 0;
        }
        if (fresh_.capacity() > 20000) std::vector<const Message *>().swap(fresh_);
    }

    uint8_t *text_room(size_t size) {
        if (text_size_ < size) {
            size_t wanted = size + size / 2;
            text_.reset(new uint8_t[wanted]);
            text_size_ = wanted;
        }
        return text_.get();
    }

    // Ids are looked up before anything is decoded; the lock is held for the look-ups only.
    void choose_fresh(const SplitPage &page, SeenSet *seen, uint64_t ticket) {
        fresh_.clear();
        std::unique_lock<std::mutex> guard;
        if (seen) guard = seen->lock();
        for (const Message &m : page.messages) {
            uint64_t time = m.timestamp_ms < 0 ? 0 : static_cast<uint64_t>(m.timestamp_ms);
            if (seen && m.event_id.size && !seen->insert_locked(ticket, m.event_id, time))
                ++batch_->counts.repeated;
            else
                fresh_.push_back(&m);
        }
    }

    void scan_message(const Message &m) {
        event_.log_stream = m.stream;
        event_.event_id = m.event_id;
        event_.timestamp_ms = m.timestamp_ms < 0 ? 0 : static_cast<uint64_t>(m.timestamp_ms);
        event_.ingestion_ms = m.ingestion_ms < 0 ? 0 : static_cast<uint64_t>(m.ingestion_ms);
        // The first event of a run is read whole: relative times count from it.
        if (use_prefilter_ && numbering_->started() &&
            rules_->prefilter().nothing_can_match(m.text, m.timestamp_ms, prefilter_)) {
            ++batch_->counts.events;
            ++batch_->counts.prefiltered;
            numbering_->next();
            return;
        }
        const uint8_t *from = reinterpret_cast<const uint8_t *>(m.text.data);
        uint8_t *text = text_room(m.text.size + 2 * kPadding);
        size_t size = string_kernel().unescape(from, from + m.text.size, text);
        std::memset(text + size, 0, kPadding);
        scan_json(text, size, true);
    }

    // `readable`: bytes from `text` on that belong to the caller; the index wants some behind the text.
    void scan_text(const uint8_t *text, size_t size, size_t readable) {
        if (readable < size + kPadding) {
            uint8_t *copy = text_room(size + kPadding);
            if (size) std::memcpy(copy, text, size);
            std::memset(copy + size, 0, kPadding);
            text = copy;
        }
        scan_json(text, size, false);
    }

    // `may_be_cut`: CloudWatch cuts long messages, so that a text may end early.
    void scan_json(const uint8_t *text, size_t size, bool may_be_cut) {
        event_.item = 0;
        bool marked = false;
        constexpr size_t kMark = sizeof kCutMark - 1;
        while (size && Document::is_space(text[size - 1])) --size;
        if (size >= kMark && std::memcmp(text + size - kMark, kCutMark, kMark) == 0) {
            size -= kMark;
            marked = true;
        }
        if (size > UINT32_MAX - 2 * kPadding) {
            ++batch_->counts.oversize;
            note(IssueKind::oversize, "the text is larger than 4 GiB");
            return;
        }
        IndexResult result = indexer_.index(text, static_cast<uint32_t>(size), event_.doc);
        if (result == IndexResult::malformed || (result == IndexResult::cut && !marked && !may_be_cut)) {
            ++batch_->counts.malformed;
            note(IssueKind::malformed, "not JSON: " + sample(text, size));
            return;
        }
        event_.truncated = event_.doc.truncated;
        if (event_.truncated) {
            ++batch_->counts.truncated;
            note(IssueKind::truncated, "cut after " + std::to_string(size) + " bytes: " + sample(text, size));
        }
        scan_value(0);
    }

    static std::string sample(const uint8_t *text, size_t size) {
        constexpr size_t kSampleBytes = 160;
        std::string out(reinterpret_cast<const char *>(text), size < kSampleBytes ? size : kSampleBytes);
        return size > kSampleBytes ? out + "..." : out;
    }

    // An event, a list of events, or an array of these. One bad element loses only itself.
    void scan_value(uint32_t position) {
        const Document &doc = event_.doc;
        Kind kind = doc.kind(position);
        if (kind == Kind::array) {
            Elements elements(doc, position);
            while (elements.next()) scan_value(elements.value);
            return;
        }
        if (kind == Kind::object) {
            context_.arena.reset();
            fill_members(event_, position, context_.arena);
            uint32_t at = event_.member[kRootKind];
            if (is_position(at) && doc.kind(at) == Kind::string && !doc.is_cut(at)) {
                Text name = decode(context_.arena, doc.inside(at));
                if (name == Text("Event", 5)) return scan_event();
                if (name == Text("EventList", 9)) return scan_list(position);
            }
        }
        ++batch_->counts.not_audit;
        note(IssueKind::not_audit, "no audit event: neither kind Event nor EventList");
    }

    void scan_list(uint32_t position) {
        uint32_t items = find(event_.doc, position, Text("items", 5));
        if (is_position(items) && event_.doc.kind(items) == Kind::array) {
            Elements elements(event_.doc, items);
            while (elements.next()) {
                if (event_.doc.kind(elements.value) == Kind::object) {
                    context_.arena.reset();
                    fill_members(event_, elements.value, context_.arena);
                    scan_event();
                } else {
                    ++batch_->counts.not_audit;
                    note(IssueKind::not_audit, "an item of an EventList is no object");
                }
            }
            return;
        }
        if (items == kUnknown) return;
        ++batch_->counts.not_audit;
        note(IssueKind::not_audit, "an EventList without an array `items`");
    }

    bool read_time() {
        const Document &doc = event_.doc;
        uint32_t at = event_.member[kRootStageTimestamp];
        if (is_position(at) && doc.kind(at) == Kind::string && !doc.is_cut(at)) {
            if (!parse_event_time(decode(context_.arena, doc.inside(at)), event_.time_ns)) return false;
            // CloudWatch holds no event of 1970 or before: its own time is the better one.
            if (event_.time_ns == 0) event_.time_ns = event_.timestamp_ms * 1000000u;
            return true;
        }
        if (at == kAbsent || (is_position(at) && !doc.is_cut(at))) return false;
        // The end of the event was cut off, and the time with it: CloudWatch's own, or that of the request.
        event_.time_ns = event_.timestamp_ms * 1000000u;
        if (event_.time_ns) return true;
        at = event_.member[kRootRequestReceived];
        return is_position(at) && doc.kind(at) == Kind::string && !doc.is_cut(at) &&
               parse_event_time(decode(context_.arena, doc.inside(at)), event_.time_ns);
    }

    void scan_event() {
        if (!read_time()) {
            ++batch_->counts.bad_time;
            note(IssueKind::bad_time, "no usable stageTimestamp");
            return;
        }
        if (max_event_size_ && is_oversize()) {
            ++batch_->counts.oversize;
            note(IssueKind::oversize, "larger than max_event_size, " + std::to_string(max_event_size_) + " bytes");
            return;
        }
        ++batch_->counts.events;
        event_.number = numbering_->next();
        event_.first_time_ns = numbering_->first_time(event_.time_ns);
        matched_.resize(rules_->rule_count());
        uint32_t count = context_.match(event_, matched_.data());
        for (uint32_t i = 0; i < count; ++i) append_alert(matched_[i]);
        ++event_.item;
    }

    // White space does not count; a cut event is never refused for its size.
    bool is_oversize() {
        if (event_.doc.is_cut(event_.root)) return false;
        if (event_.doc.raw(event_.root).size <= max_event_size_) return false;
        return value_text(event_.doc, event_.root, context_.arena).size > max_event_size_;
    }

    void append_alert(uint32_t rule) {
        AlertEntry entry;
        entry.offset = batch_->text.size();
        rules_->formatter().append(batch_->text, scratch_, rule, event_,
                                   [this](uint32_t operand) -> Value { return context_.value(operand); });
        entry.size = batch_->text.size() - entry.offset;
        batch_->text.add('\n');
        entry.rule = rule;
        entry.item = event_.item;
        entry.time_ns = event_.time_ns;
        entry.timestamp_ms = static_cast<int64_t>(event_.timestamp_ms);
        entry.number = event_.number;
        entry.id_offset = batch_->event_ids.size();
        entry.id_size = event_.event_id.size;
        batch_->event_ids.add(event_.event_id);
        batch_->alerts.push_back(entry);
    }

    void note(IssueKind kind, std::string detail) {
        if (!batch_->wants(kind)) return;
        auto text = [](Text t) { return std::string(t.data ? t.data : "", t.size); };
        batch_->issues.push_back({kind, std::move(detail), text(event_.log_stream), text(event_.event_id), offset_});
    }

    Numbering *numbering_;
    const uint64_t max_event_size_;
    const bool use_prefilter_;

    const RuleBook *rules_ = nullptr;
    uint64_t bound_ = 0;
    BatchData *batch_ = nullptr;
    size_t offset_ = 0;

    RuleContext context_;
    Prefilter::State prefilter_;
    EventView event_;
    Indexer indexer_;
    AlertScratch scratch_;
    std::vector<const Message *> fresh_;  // of the page at hand
    std::vector<uint32_t> matched_;
    std::unique_ptr<uint8_t[]> text_;
    size_t text_size_ = 0;
};

}  // namespace fe
