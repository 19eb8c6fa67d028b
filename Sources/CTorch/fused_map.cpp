#include "fused_map.h"

namespace pupil::fused {

std::vector<float> Map::repeated(const at::Tensor &numbers) const {
    const auto source = numbers.to(at::kFloat).contiguous();
    const auto *from = static_cast<const float *>(source.const_data_ptr());
    const int64_t rows = source.numel() / channels;
    std::vector<float> out(static_cast<size_t>(rows * period));
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < period; i += channels)
            std::copy_n(from + r * channels, channels, out.begin() + r * period + i);
    return out;
}

std::vector<Block> blocks(const Map &map, bool by_picture) {
    constexpr int64_t about = 1 << 15; // elements: a fair part of a core's second cache
    const int64_t size = map.period * std::max<int64_t>(1, about / map.period);
    const int64_t groups = by_picture ? map.pictures : 1, length = by_picture ? map.each : map.each * map.pictures;
    std::vector<Block> out;
    for (int64_t g = 0; g < groups; ++g)
        for (int64_t at = 0; at < length; at += size)
            out.push_back({g, g * length + at, std::min(size, length - at)});
    return out;
}

at::Tensor summed(const Map &map, int64_t kinds, bool by_picture,
                  const std::function<void(const Block &, float *)> &body) {
    const auto list = blocks(map, by_picture);
    const int64_t groups = by_picture ? map.pictures : 1, length = kinds * map.period;
    std::vector<float> partial(list.size() * static_cast<size_t>(length));
    each_block(list, [&](const Block &block, int64_t i) { body(block, partial.data() + i * length); });
    auto total = at::zeros({kinds, groups, map.channels}, at::kDouble);
    auto *to = static_cast<double *>(total.mutable_data_ptr());
    for (size_t b = 0; b < list.size(); ++b) {
        const float *from = partial.data() + b * static_cast<size_t>(length);
        for (int64_t k = 0; k < kinds; ++k) {
            double *row = to + (k * groups + list[b].picture) * map.channels;
            for (int64_t i = 0; i < map.period; i += map.channels)
                for (int64_t c = 0; c < map.channels; ++c) row[c] += from[k * map.period + i + c];
        }
    }
    return by_picture ? total : total.squeeze(1);
}

Moments moments(const Map &map, at::Tensor &mean, at::Tensor &variance, bool training, double momentum, double eps) {
    if (!training) return {mean.to(at::kFloat), at::rsqrt(variance.to(at::kFloat) + eps)};
    const auto list = blocks(map, false);
    const int64_t length = 3 * map.period;
    std::vector<float> partial(list.size() * static_cast<size_t>(length));
    each_block(list, [&](const Block &block, int64_t i) {
        map.kernels.statistics(map.at(block.start), block.count, map.period, partial.data() + i * length);
    });
    // Means and squared distances of parts join exactly (Chan, Golub and LeVeque 1979), whatever the mean's size.
    const auto channels = static_cast<size_t>(map.channels);
    std::vector<double> n(channels), centre(channels), square(channels);
    for (size_t b = 0; b < list.size(); ++b) {
        const float *near = partial.data() + b * static_cast<size_t>(length);
        for (int64_t i = 0; i < std::min(map.period, list[b].count); ++i) {
            const auto c = static_cast<size_t>(i % map.channels);
            const auto more = static_cast<double>((list[b].count - i + map.period - 1) / map.period);
            const double sum = near[map.period + i], above = sum / more;
            const double q = near[2 * map.period + i] - sum * above, distance = near[i] + above - centre[c];
            const double all = n[c] + more;
            square[c] += q + distance * distance * n[c] * more / all;
            centre[c] += distance * more / all;
            n[c] = all;
        }
    }
    Moments out{at::empty({map.channels}, at::kFloat), at::empty({map.channels}, at::kFloat)};
    auto batch_variance = at::empty({map.channels}, at::kFloat);
    auto *m = static_cast<float *>(out.mean.mutable_data_ptr());
    auto *r = static_cast<float *>(out.inverse.mutable_data_ptr());
    auto *v = static_cast<float *>(batch_variance.mutable_data_ptr());
    for (size_t c = 0; c < channels; ++c) {
        const double spread = std::max(square[c], 0.0) + (square[c] - square[c]); // NaN stays NaN
        m[c] = static_cast<float>(centre[c]);
        r[c] = static_cast<float>(1 / std::sqrt(spread / n[c] + eps));
        v[c] = static_cast<float>(spread / std::max(n[c] - 1, 1.0));
    }
    mean.lerp_(out.mean.to(mean.scalar_type()), momentum);
    variance.lerp_(batch_variance.to(variance.scalar_type()), momentum);
    return out;
}

Normalisation::Normalisation(const Map &map, const at::Tensor &weight, const at::Tensor &bias, const Moments &moments,
                             Activation activation) {
    centre = map.repeated(moments.mean);
    scale = map.repeated(weight.to(at::kFloat) * moments.inverse);
    shift = map.repeated(bias);
    affine = {map.period, centre.data(), scale.data(), shift.data(), activation};
}

void check_parameters(const char *name, const at::Tensor &x, std::initializer_list<at::Tensor> parameters) {
    TORCH_CHECK(x.dim() == 4, name, ": a map is [N, C, H, W], not ", x.sizes());
    for (const auto &p : parameters)
        TORCH_CHECK(p.dim() == 1 && p.size(0) == x.size(1), name, ": a map ", x.sizes(), " needs parameters [",
                    x.size(1), "], not ", p.sizes());
}

} // namespace pupil::fused
