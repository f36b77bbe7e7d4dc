#include "data/glyphs.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "numerics/math.h"
#include "numerics/random.h"

namespace halfscope {
namespace {

constexpr float kTwoPi = 6.28318530717959f;
constexpr int kDigits = 10;
constexpr std::int64_t kPicturesWorthAThread = 256;
constexpr int kSegmentsOfTurn = 20;          // a full ellipse is drawn as this many straight pieces
constexpr std::uint64_t kDrawsOfGlyph = 64;  // draws for the shape of one picture, with room to spare

struct Point {
    float x = 0, y = 0;
};

/// One piece of a digit in a box of half height 1 around the origin, y downwards.
struct Stroke {
    enum class Kind { line, arc };
    Kind kind;
    Point a;         ///< line: its start; arc: the centre of its ellipse
    Point b;         ///< line: its end; arc: the two radii
    float from = 0;  ///< arc: first angle in turns, 0 to the right, 0.25 downwards
    float to = 0;    ///< arc: last angle in turns
};

constexpr Stroke line(float x0, float y0, float x1, float y1) {
    return {Stroke::Kind::line, {x0, y0}, {x1, y1}};
}
constexpr Stroke arc(float x, float y, float radius_x, float radius_y, float from, float to) {
    return {Stroke::Kind::arc, {x, y}, {radius_x, radius_y}, from, to};
}

constexpr std::array kZero{arc(0, 0, 0.6f, 1, 0, 1)};
constexpr std::array kOne{line(0.1f, -1, 0.1f, 1), line(-0.35f, -0.55f, 0.1f, -1)};
constexpr std::array kTwo{arc(0, -0.45f, 0.55f, 0.55f, 0.52f, 1.1f), line(0.445f, -0.127f, -0.55f, 1),
                          line(-0.55f, 1, 0.6f, 1)};
constexpr std::array kThree{arc(0, -0.5f, 0.5f, 0.5f, 0.58f, 1.25f), arc(0, 0.5f, 0.55f, 0.5f, 0.75f, 1.43f)};
constexpr std::array kFour{line(0.25f, -1, -0.6f, 0.35f), line(-0.6f, 0.35f, 0.6f, 0.35f),
                           line(0.25f, -1, 0.25f, 1)};
constexpr std::array kFive{line(0.5f, -1, -0.4f, -1), line(-0.4f, -1, -0.45f, -0.05f),
                           arc(-0.02f, 0.38f, 0.56f, 0.62f, 0.62f, 1.4f)};
constexpr std::array kSix{arc(0, 0.45f, 0.55f, 0.55f, 0, 1), arc(0.35f, 0.45f, 0.9f, 1.45f, 0.5f, 0.75f)};
constexpr std::array kSeven{line(-0.55f, -1, 0.55f, -1), line(0.55f, -1, -0.15f, 1)};
constexpr std::array kEight{arc(0, -0.5f, 0.45f, 0.49f, 0, 1), arc(0, 0.48f, 0.55f, 0.52f, 0, 1)};
constexpr std::array kNine{arc(0, -0.45f, 0.55f, 0.55f, 0, 1), arc(-0.35f, -0.45f, 0.9f, 1.45f, 0, 0.25f)};

std::span<const Stroke> strokes_of(int digit) {
    constexpr std::array<std::span<const Stroke>, kDigits> kStrokes{kZero, kOne, kTwo,   kThree, kFour,
                                                                    kFive, kSix, kSeven, kEight, kNine};
    return kStrokes[static_cast<std::size_t>(digit)];
}

/// Numbers for the shape of one picture, in the order in which they are asked for.
class Draws {
  public:
    Draws(RandomKey key, std::uint64_t picture) : key_(key), next_(picture * kDrawsOfGlyph) {}
    float between(float low, float high) { return uniform(key_, next_++, low, high); }
    Point around(Point center, float reach) {
        const float x = center.x + between(-reach, reach);
        const float y = center.y + between(-reach, reach);
        return {x, y};
    }

  private:
    RandomKey key_;
    std::uint64_t next_;
};

/// A straight piece in pixels.
struct Segment {
    Point start, direction;
    float inverse_length_squared;
};

/// From the digit's box to pixels.
class Placement {
  public:
    Placement(Draws& draws, int side) {
        const float half = 0.5f * static_cast<float>(side);
        const float turn = draws.between(-10.0f, 10.0f) * (kTwoPi / 360.0f);
        const float cosine = math::cos(turn), sine = math::sin(turn);
        const float scale_x = half * draws.between(0.54f, 0.78f),
                    scale_y = half * draws.between(0.62f, 0.78f);
        const float shear = draws.between(-0.18f, 0.18f);
        // Rotation times (scale, shear): x leans by the shear with every unit of y.
        xx_ = cosine * scale_x;
        xy_ = cosine * (shear * scale_x) - sine * scale_y;
        yx_ = sine * scale_x;
        yy_ = sine * (shear * scale_x) + cosine * scale_y;
        origin_ = draws.around({half, half}, 0.12f * half);
    }
    Point operator()(Point p) const {
        return {origin_.x + (xx_ * p.x + xy_ * p.y), origin_.y + (yx_ * p.x + yy_ * p.y)};
    }

  private:
    float xx_, xy_, yx_, yy_;
    Point origin_;
};

void add_segment(std::vector<Segment>& segments, Point start, Point end) {
    const Point direction{end.x - start.x, end.y - start.y};
    const float length_squared = direction.x * direction.x + direction.y * direction.y;
    segments.push_back({start, direction, 1.0f / std::max(length_squared, 1e-6f)});
}

/// The strokes of a digit in pixels; each is bent a little on its own, as by an unsteady hand.
void add_strokes(std::vector<Segment>& segments, int digit, Draws& draws, const Placement& place) {
    constexpr float kReach = 0.05f;
    for (const Stroke& stroke : strokes_of(digit)) {
        const Point a = draws.around(stroke.a, kReach), b = draws.around(stroke.b, kReach);
        if (stroke.kind == Stroke::Kind::line) {
            add_segment(segments, place(a), place(b));
            continue;
        }
        const float turns = stroke.to - stroke.from;
        const int pieces = static_cast<int>(turns * static_cast<float>(kSegmentsOfTurn)) + 1;
        const auto point_at = [&](int piece) {
            const float share = static_cast<float>(piece) / static_cast<float>(pieces);
            const float angle = kTwoPi * (stroke.from + turns * share);
            return place({a.x + b.x * math::cos(angle), a.y + b.y * math::sin(angle)});
        };
        for (int piece = 0; piece < pieces; ++piece) {
            add_segment(segments, point_at(piece), point_at(piece + 1));
        }
    }
}

float distance_squared(const Segment& segment, Point p) {
    const Point to{p.x - segment.start.x, p.y - segment.start.y};
    const float along =
        (to.x * segment.direction.x + to.y * segment.direction.y) * segment.inverse_length_squared;
    const float share = std::clamp(along, 0.0f, 1.0f);
    const float dx = to.x - share * segment.direction.x, dy = to.y - share * segment.direction.y;
    return dx * dx + dy * dy;
}

/// Light in 0..1: full inside the stroke, fading to none over one pixel across its edge.
float ink_at(const std::vector<Segment>& segments, Point p, float half_width) {
    float nearest = 1e30f;
    for (const Segment& segment : segments) nearest = std::min(nearest, distance_squared(segment, p));
    return std::clamp(half_width + 0.5f - math::sqrt(nearest), 0.0f, 1.0f);
}

/// Draws the picture of `index` into `pixel`, row by row.
void draw_glyph(float* pixel, int digit, int side, Draws draws, RandomKey noise, std::uint64_t index) {
    const Placement place(draws, side);
    const float half_width = static_cast<float>(side) * draws.between(0.03f, 0.06f);
    const float ground = draws.between(0.0f, 0.2f), ink = draws.between(0.55f, 0.8f);
    const float deviation = draws.between(0.02f, 0.1f);
    std::vector<Segment> segments;
    add_strokes(segments, digit, draws, place);
    const auto area = static_cast<std::uint64_t>(side) * static_cast<std::uint64_t>(side);
    std::uint64_t next_noise = index * area;
    for (int row = 0; row < side; ++row) {
        for (int column = 0; column < side; ++column) {
            const Point center{static_cast<float>(column) + 0.5f, static_cast<float>(row) + 0.5f};
            const float light = ground + ink * ink_at(segments, center, half_width);
            *pixel++ = std::clamp(light + deviation * normal(noise, next_noise++), 0.0f, 1.0f);
        }
    }
}

}  // namespace

ImageSet make_glyphs(std::int64_t count, int side, std::uint64_t seed, std::string_view purpose) {
    ImageSet set;
    set.count = count;
    set.channels = 1;
    set.height = set.width = side;
    for (int digit = 0; digit < kDigits; ++digit) set.class_names.push_back(std::to_string(digit));
    const auto area = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
    set.pixels.resize(static_cast<std::size_t>(count) * area);
    set.labels.resize(static_cast<std::size_t>(count));
    const std::string prefix = "glyphs." + std::string(purpose);
    const RandomKey shape{seed, stream_of(prefix + ".shape"), 0};
    const RandomKey noise{seed, stream_of(prefix + ".noise"), 0};
    // Whoever is free takes the next picture: they depend on their index alone.
    std::atomic<std::int64_t> next{0};
    const auto draw = [&] {
        for (std::int64_t picture = next++; picture < count; picture = next++) {
            const auto index = static_cast<std::uint64_t>(picture);
            const int digit = static_cast<int>(picture % kDigits);
            draw_glyph(set.pixels.data() + index * area, digit, side, Draws(shape, index), noise, index);
            set.labels[index] = digit;
        }
    };
    const std::int64_t helpers =
        std::min<std::int64_t>(std::thread::hardware_concurrency(), count / kPicturesWorthAThread) - 1;
    std::vector<std::jthread> threads;
    for (std::int64_t i = 0; i < helpers; ++i) threads.emplace_back(draw);
    draw();
    threads.clear();  // joined
    return set;
}

}  // namespace halfscope
