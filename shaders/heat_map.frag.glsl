// Shares as colours: the logarithm of a share along viridis, and a colour of its own where there is nothing at
// all. heat_light() in app/gui/widgets/heat_map.cpp is the same formula.
#version 330 core
uniform sampler2D shares;  // one channel, row 0 on top
uniform vec3 stops[9];     // viridis at 0, 1/8, ... 1
uniform vec3 nothing;
uniform float lowest;      // where along viridis the smallest share lies
uniform float brightest;   // the share that is drawn brightest
uniform float decades;     // below it, that are told apart
in vec2 place;
out vec4 colour;

void main() {
    ivec2 size = textureSize(shares, 0);
    ivec2 cell = clamp(ivec2(place * vec2(size)), ivec2(0), size - 1);
    float share = texelFetch(shares, cell, 0).r;
    if (!(share > 0.0)) {
        colour = vec4(nothing, 1.0);
        return;
    }
    float light = clamp(1.0 + log2(share / brightest) / (decades * log2(10.0)), 0.0, 1.0);
    float position = mix(lowest, 1.0, light) * 8.0;
    int low = min(int(position), 7);
    colour = vec4(mix(stops[low], stops[low + 1], position - float(low)), 1.0);
}
