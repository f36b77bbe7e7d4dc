// The functions of OpenGL 3.3 beyond 1.1 that our own shaders need, asked of the context as GLFW does. Used
// by widgets/heat_map.cpp; ImGui's backend has its own loader.
#pragma once

// After ImGui: GLFW brings the system's OpenGL header along.
#include <GLFW/glfw3.h>
#if __has_include(<GL/glext.h>)
#include <GL/glext.h>
#endif

namespace halfscope {

struct GlFunctions {
    PFNGLCREATESHADERPROC create_shader = nullptr;
    PFNGLSHADERSOURCEPROC shader_source = nullptr;
    PFNGLCOMPILESHADERPROC compile_shader = nullptr;
    PFNGLGETSHADERIVPROC get_shader = nullptr;
    PFNGLGETSHADERINFOLOGPROC get_shader_log = nullptr;
    PFNGLDELETESHADERPROC delete_shader = nullptr;
    PFNGLCREATEPROGRAMPROC create_program = nullptr;
    PFNGLATTACHSHADERPROC attach_shader = nullptr;
    PFNGLLINKPROGRAMPROC link_program = nullptr;
    PFNGLGETPROGRAMIVPROC get_program = nullptr;
    PFNGLGETPROGRAMINFOLOGPROC get_program_log = nullptr;
    PFNGLDELETEPROGRAMPROC delete_program = nullptr;
    PFNGLUSEPROGRAMPROC use_program = nullptr;
    PFNGLGETUNIFORMLOCATIONPROC uniform_location = nullptr;
    PFNGLUNIFORM1IPROC uniform_1i = nullptr;
    PFNGLUNIFORM1FPROC uniform_1f = nullptr;
    PFNGLUNIFORM3FVPROC uniform_3fv = nullptr;
    PFNGLUNIFORM4FPROC uniform_4f = nullptr;
    PFNGLGENVERTEXARRAYSPROC generate_vertex_arrays = nullptr;
    PFNGLBINDVERTEXARRAYPROC bind_vertex_array = nullptr;
    PFNGLDELETEVERTEXARRAYSPROC delete_vertex_arrays = nullptr;
    PFNGLACTIVETEXTUREPROC active_texture = nullptr;

    /// False where there is no context, or it lacks one of them.
    bool load();
};

}  // namespace halfscope
