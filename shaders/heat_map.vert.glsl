// A rectangle of the window without any vertex buffer: four corners by their number.
#version 330 core
uniform vec4 area;  // left, bottom, right, top in clip space
out vec2 place;     // 0..1, from the top left

void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    place = vec2(corner.x, 1.0 - corner.y);
    gl_Position = vec4(mix(area.xy, area.zw, corner), 0.0, 1.0);
}
