#include "domain/model.h"

#include "domain/overloaded.h"

namespace fedlog::domain {

void evolve(Model& model, const ModelEvent& event) {
  std::visit(overloaded{[&](const ModelUploaded& e) {
                          model = Model{};
                          model.id = e.model;
                          model.kind = e.kind;
                          model.owner = e.owner;
                          model.name = e.name;
                          model.description = e.description;
                          model.input_shape = e.input_shape;
                          model.round = e.round;
                          model.weights = e.weights;
                          model.preprocessing = e.preprocessing;
                          model.members = e.members;
                        },
                        [&](const PreprocessingReplaced& e) { model.preprocessing = e.preprocessing; },
                        [](const MetricsReported&) {},  // a result about the model changes nothing in it
                        [&](const ModelJoinedTraining& e) { model.training = e.training; },
                        [&](const ModelLeftTraining& e) {
                          model.training.reset();
                          model.round = e.round;
                          model.weights = e.weights;
                          model.preprocessing = e.preprocessing;
                          if (e.swag_first_moment) model.swag_first_moment = e.swag_first_moment;
                          if (e.swag_second_moment) model.swag_second_moment = e.swag_second_moment;
                        },
                        [&](const ModelDeleted&) { model.deleted = true; }},
             event);
}

}  // namespace fedlog::domain
