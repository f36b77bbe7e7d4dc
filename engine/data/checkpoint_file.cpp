#include "data/checkpoint_file.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "data/atomic_file.h"
#include "data/byte_stream.h"
#include "data/checksum.h"
#include "data/data_error.h"
#include "data/file_bytes.h"

namespace halfscope {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMagic = "\x89HSCP\r\n\x1a";
constexpr const char* kSections = "sections";
constexpr std::size_t kChecked = 16;  // the checksum covers everything from this offset on

std::string in_quotes(std::string_view name) {
    constexpr std::size_t kShown = 80;
    std::string shown;
    for (const char letter : name.substr(0, kShown)) {
        const auto code = static_cast<unsigned char>(letter);
        shown += code < 0x20 || code >= 0x7F ? '?' : letter;
    }
    return "'" + shown + (name.size() > kShown ? "...'" : "'");
}

std::string hexadecimal(std::uint32_t number) {
    char text[16];
    std::snprintf(text, sizeof text, "%08x", number);
    return text;
}

/// Hears the JSON of a description; false from any call ends it, with the reason in problem(). So a hostile
/// one can neither nest deeper than the format does nor name anything twice.
class DescriptionListener final : public nlohmann::json_sax<nlohmann::json> {
  public:
    struct Section {
        std::string name;
        std::uint64_t bytes = 0;
    };

    explicit DescriptionListener(std::map<std::string, CheckpointGroup>& groups) : groups_(groups) {}
    const std::string& problem() const { return problem_; }
    const std::vector<Section>& sections() const { return sections_; }

    bool null() override { return refuse_value(); }
    bool boolean(bool) override { return refuse_value(); }
    bool number_integer(number_integer_t) override { return refuse_value(); }
    bool number_float(number_float_t, const string_t&) override { return refuse_value(); }
    bool binary(binary_t&) override { return refuse_value(); }
    bool start_array(std::size_t) override { return refuse_value(); }
    bool end_array() override { return refuse_value(); }

    bool number_unsigned(number_unsigned_t number) override {
        if (depth_ != 2 || group_) return refuse_value();
        sections_.push_back({key_, number});
        return true;
    }
    bool string(string_t& text) override {
        if (depth_ != 2 || !group_) return refuse_value();
        (*group_)[key_] = std::move(text);
        return true;
    }
    bool start_object(std::size_t) override {
        if (depth_ == 2) return refuse_value();
        ++depth_;
        return true;
    }
    bool key(string_t& text) override {
        key_ = text;
        if (depth_ == 1 && text == kSections) {
            group_ = nullptr;
            return !std::exchange(has_sections_, true) || refuse("names the group 'sections' twice");
        }
        if (depth_ == 1) {
            const auto [place, is_new] = groups_.try_emplace(text);
            group_ = &place->second;
            return is_new || refuse("names the group " + in_quotes(text) + " twice");
        }
        if (!group_) {
            const auto [place, is_new] = names_.try_emplace(text);
            return is_new || refuse("names the section " + in_quotes(text) + " twice");
        }
        return !group_->contains(text) || refuse("gives the key " + in_quotes(text) + " twice");
    }
    bool end_object() override {
        --depth_;
        return true;
    }
    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
        return refuse("has no valid JSON in its description, at offset " +
                      std::to_string(position + kCheckpointHeaderBytes - 1));
    }

  private:
    bool refuse(std::string problem) {
        problem_ = std::move(problem);
        return false;
    }
    bool refuse_value() { return refuse("has a value of the wrong kind for " + in_quotes(key_)); }

    std::map<std::string, CheckpointGroup>& groups_;
    CheckpointGroup* group_ = nullptr;  // null: the list of sections
    std::vector<Section> sections_;
    std::map<std::string, bool> names_;
    std::string key_, problem_;
    int depth_ = 0;
    bool has_sections_ = false;
};

/// Cuts `data` into the sections; their sizes must add up to it.
void fill_sections(CheckpointFile& file, const std::vector<DescriptionListener::Section>& sections,
                   std::string_view data) {
    for (const DescriptionListener::Section& section : sections) {
        if (section.bytes > data.size()) {
            refuse_checkpoint(file.name, "gives the section " + in_quotes(section.name) + " " +
                                             std::to_string(section.bytes) + " bytes, more than it has");
        }
        file.sections[section.name] = data.substr(0, static_cast<std::size_t>(section.bytes));
        data.remove_prefix(static_cast<std::size_t>(section.bytes));
    }
    if (!data.empty())
        refuse_checkpoint(file.name, "has " + std::to_string(data.size()) + " bytes that no section names");
}

std::string described(const CheckpointFile& file) {
    Json description = Json::object();
    for (const auto& [name, group] : file.groups) description[name] = group;
    Json& sections = description[kSections] = Json::object();
    for (const auto& [name, bytes] : file.sections) sections[name] = bytes.size();
    try {
        return description.dump();
    } catch (const Json::exception&) {
        refuse_to_write(file.name, "a name or path in it is not UTF-8; choose another");
    }
}

std::string header_of(const CheckpointFile& file, const std::string& description) {
    std::uint64_t data_bytes = 0;
    for (const auto& [name, bytes] : file.sections) data_bytes += bytes.size();
    ByteWriter lengths;
    lengths.put(static_cast<std::uint64_t>(description.size()));
    lengths.put(data_bytes);
    std::uint32_t checksum = crc32_of(description, crc32_of(lengths.bytes()));
    for (const auto& [name, bytes] : file.sections) checksum = crc32_of(bytes, checksum);
    ByteWriter header;
    header.put(kCheckpointVersion);
    header.put(checksum);
    return std::string(kMagic) + header.bytes() + lengths.bytes();
}

}  // namespace

void refuse_checkpoint(const std::string& file, const std::string& reason) {
    throw DataError("checkpoint '" + file + "' " + reason);
}

std::string checkpoint_bytes(const CheckpointFile& file) {
    const std::string description = described(file);
    std::string all = header_of(file, description) + description;
    for (const auto& [name, bytes] : file.sections) all += bytes;
    return all;
}

CheckpointFile parse_checkpoint(std::string_view bytes, const std::string& name) {
    if (bytes.substr(0, kMagic.size()) != kMagic.substr(0, bytes.size()) || bytes.empty())
        refuse_checkpoint(name, "is no checkpoint of Halfscope");
    if (bytes.size() < kCheckpointHeaderBytes) {
        refuse_checkpoint(name, "is cut off after " + std::to_string(bytes.size()) + " bytes");
    }
    ByteReader header(bytes.substr(kMagic.size()));
    const auto version = header.take<std::uint32_t>(), checksum = header.take<std::uint32_t>();
    const auto description_bytes = header.take<std::uint64_t>(), data_bytes = header.take<std::uint64_t>();
    if (version != kCheckpointVersion) {
        refuse_checkpoint(name, "has version " + std::to_string(version) + "; this program reads version " +
                                    std::to_string(kCheckpointVersion));
    }
    const std::uint64_t behind = bytes.size() - kCheckpointHeaderBytes;
    if (description_bytes > kMaximumDescriptionBytes || data_bytes > kMaximumCheckpointBytes)
        refuse_checkpoint(name, "is damaged: the lengths in its first 32 bytes are too large");
    if (description_bytes + data_bytes > behind) {
        refuse_checkpoint(
            name, "is cut off: " + std::to_string(description_bytes + data_bytes + kCheckpointHeaderBytes) +
                      " bytes were written and " + std::to_string(bytes.size()) + " are there");
    }
    if (description_bytes + data_bytes < behind) {
        refuse_checkpoint(
            name, "has " + std::to_string(behind - description_bytes - data_bytes) + " bytes behind its end");
    }
    const std::uint32_t found = crc32_of(bytes.substr(kChecked));
    if (found != checksum) {
        refuse_checkpoint(name, "is damaged: its checksum is " + hexadecimal(found) + " where " +
                                    hexadecimal(checksum) + " was written");
    }
    CheckpointFile file;
    file.name = name;
    const std::string_view text =
        bytes.substr(kCheckpointHeaderBytes, static_cast<std::size_t>(description_bytes));
    DescriptionListener listener(file.groups);
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &listener))
        refuse_checkpoint(name, listener.problem());
    fill_sections(file, listener.sections(),
                  bytes.substr(static_cast<std::size_t>(kCheckpointHeaderBytes + description_bytes)));
    return file;
}

CheckpointFile read_checkpoint_file(const std::string& path) {
    const FileKind kind{"checkpoint", "give a checkpoint in it", "it is none of Halfscope's"};
    return parse_checkpoint(read_file_bytes(path, kind, kMaximumCheckpointBytes), path);
}

void write_checkpoint_file(const std::string& path, const CheckpointFile& file) {
    AtomicFile target(path);
    const std::string description = described(file);
    target.write(header_of(file, description));
    target.write(description);
    for (const auto& [name, bytes] : file.sections) target.write(bytes);
    target.commit();
}

bool looks_like_checkpoint(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string beginning(kMagic.size(), '\0');
    file.read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
    return file.gcount() == static_cast<std::streamsize>(beginning.size()) && beginning == kMagic;
}

}  // namespace halfscope
