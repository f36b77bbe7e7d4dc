#include "gui/gl_functions.h"

namespace halfscope {
namespace {

template <class Function>
bool find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(glfwGetProcAddress(name));
    return function != nullptr;
}

}  // namespace

bool GlFunctions::load() {
    if (!glfwGetCurrentContext()) return false;
    return find(create_shader, "glCreateShader") && find(shader_source, "glShaderSource") &&
           find(compile_shader, "glCompileShader") && find(get_shader, "glGetShaderiv") &&
           find(get_shader_log, "glGetShaderInfoLog") && find(delete_shader, "glDeleteShader") &&
           find(create_program, "glCreateProgram") && find(attach_shader, "glAttachShader") &&
           find(link_program, "glLinkProgram") && find(get_program, "glGetProgramiv") &&
           find(get_program_log, "glGetProgramInfoLog") && find(delete_program, "glDeleteProgram") &&
           find(use_program, "glUseProgram") && find(uniform_location, "glGetUniformLocation") &&
           find(uniform_1i, "glUniform1i") && find(uniform_1f, "glUniform1f") &&
           find(uniform_3fv, "glUniform3fv") && find(uniform_4f, "glUniform4f") &&
           find(generate_vertex_arrays, "glGenVertexArrays") &&
           find(bind_vertex_array, "glBindVertexArray") &&
           find(delete_vertex_arrays, "glDeleteVertexArrays") && find(active_texture, "glActiveTexture");
}

}  // namespace halfscope
