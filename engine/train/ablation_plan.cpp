// What an ablation is going to train: combinations, and what is refused.
#include <algorithm>
#include <set>

#include "train/ablation.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

/// Rank of a key: `scaler` sets others, and so is set before them, as in the order of techniques.md.
std::size_t rank_of(const std::string& key) {
    const std::vector<TechniqueKey>& keys = technique_keys();
    const auto found =
        std::find_if(keys.begin(), keys.end(), [&](const TechniqueKey& known) { return known.name == key; });
    if (found != keys.end()) return static_cast<std::size_t>(found - keys.begin());
    std::vector<std::string> names;
    names.reserve(keys.size());
    for (const TechniqueKey& known : keys) names.push_back(known.name);
    const std::string near = closest(key, names);
    throw InputError("unknown technique '" + key + "'" +
                     (near.empty() ? "" : ", did you mean '" + near + "'?"));
}

/// The values as technique_value() writes them; throws for one that is none, or stands there twice.
AblationFactor checked_factor(const AblationFactor& factor, const Techniques& base) {
    if (factor.values.empty()) {
        throw InputError("'" + factor.key + "' has no value to try; choose two or more");
    }
    AblationFactor checked{factor.key, {}};
    for (const std::string& value : factor.values) {
        Techniques techniques = base;
        const std::string sentence = set_technique(techniques, factor.key, value);
        if (!sentence.empty()) throw InputError(sentence);
        const std::string text = technique_value(techniques, factor.key);
        if (std::find(checked.values.begin(), checked.values.end(), text) != checked.values.end()) {
            throw InputError("'" + factor.key + "' is to be '" + text + "' twice; give each value once");
        }
        checked.values.push_back(text);
    }
    return checked;
}

std::vector<AblationFactor> checked_factors(const AblationPlan& plan) {
    if (plan.factors.empty()) throw InputError("nothing is varied; choose a technique and its values");
    std::vector<AblationFactor> factors;
    std::size_t combinations = 1;
    for (const AblationFactor& factor : plan.factors) {
        rank_of(factor.key);
        for (const AblationFactor& other : factors) {
            if (other.key == factor.key)
                throw InputError("'" + factor.key + "' is varied twice; give all its values once");
        }
        factors.push_back(checked_factor(factor, plan.base));
        combinations *= std::min(factors.back().values.size(), kMostCombinations + 1);
        if (combinations > kMostCombinations) {
            throw InputError("these are more than " + std::to_string(kMostCombinations) +
                             " combinations; vary fewer techniques or values");
        }
    }
    return factors;
}

void check_seeds(const AblationPlan& plan) {
    if (plan.seeds.empty()) throw InputError("an ablation needs a seed; give one or more");
    if (plan.seeds.size() > kMostAblationSeeds) {
        throw InputError(std::to_string(plan.seeds.size()) + " seeds are too many; give up to " +
                         std::to_string(kMostAblationSeeds));
    }
    if (std::set<std::uint64_t>(plan.seeds.begin(), plan.seeds.end()).size() != plan.seeds.size())
        throw InputError("a seed is given twice; give each once");
    if (plan.start && plan.seeds != std::vector<std::uint64_t>{plan.settings.seed}) {
        throw InputError("a state goes on under its own seed " + std::to_string(plan.settings.seed) +
                         " alone; start from scratch for other seeds");
    }
}

}  // namespace

void check_ablation(const AblationPlan& plan) {
    checked_factors(plan);
    check_seeds(plan);
    if (plan.steps < 1 || plan.steps > kMostAblationSteps) {
        throw InputError("an ablation cannot run " + std::to_string(plan.steps) + " steps; give 1 to " +
                         std::to_string(kMostAblationSteps));
    }
}

AblationResults planned_ablation(const AblationPlan& plan) {
    check_ablation(plan);
    AblationResults results;
    const ScenarioInfo& info = plan.workload ? plan.workload->info() : find_scenario(plan.scenario).info();
    results.scenario = plan.scenario;
    results.metric_name = info.metric_name;
    results.higher_is_better = info.higher_is_better;
    results.settings = plan.settings;
    results.base = plan.base;
    results.factors = checked_factors(plan);
    results.seeds = plan.seeds;
    results.first_step = plan.start ? plan.start->step : 0;
    results.steps = plan.steps;
    results.bucket_steps = (plan.steps + kMostCurvePoints - 1) / kMostCurvePoints;

    std::vector<std::size_t> order(results.factors.size());
    for (std::size_t index = 0; index < order.size(); ++index) order[index] = index;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return rank_of(results.factors[a].key) < rank_of(results.factors[b].key);
    });
    std::vector<std::size_t> chosen(results.factors.size(), 0);
    for (bool is_done = false; !is_done;) {
        AblationRow row;
        row.techniques = plan.base;
        for (std::size_t index = 0; index < chosen.size(); ++index)
            row.values.push_back(results.factors[index].values[chosen[index]]);
        for (const std::size_t index : order)
            set_technique(row.techniques, results.factors[index].key, row.values[index]);
        row.refusal = refusal(row.techniques);
        results.rows.push_back(std::move(row));
        is_done = true;
        for (std::size_t index = chosen.size(); index-- > 0 && is_done;) {
            is_done = ++chosen[index] == results.factors[index].values.size();
            if (is_done) chosen[index] = 0;
        }
    }
    results.steps_all = static_cast<std::int64_t>(results.runs_all()) * plan.steps;
    return results;
}

}  // namespace halfscope
